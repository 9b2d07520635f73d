// Prints the label under which the driver knows each PTX file's kernel, and the file's name: for CUSIM_NAMES.
#include "ptx.hpp"
#include <cstdio>
#include <fstream>
#include <sstream>
int main(int n, char** a) {
    for (int i = 1; i < n; i++) {
        std::ifstream f(a[i]);
        std::stringstream s;
        s << f.rdbuf();
        Module m;
        if (!m.parse(s.str().c_str(), true)) {
            fprintf(stderr, "%s: %s\n", a[i], m.error.c_str());
            continue;
        }
        int all = 0;
        std::string l;
        for (auto& g : m.functions)
            all += g.end - g.start;
        for (auto& g : m.functions)
            if (g.entry)
                l = g.name + "#" + std::to_string(g.paramBytes) + "p" + std::to_string(g.end - g.start) + "/" + std::to_string(all);
        std::string p = a[i];
        p = p.substr(p.rfind('/') + 1);
        printf("%s %s\n", l.c_str(), p.substr(0, p.size() - 4).c_str());
    }
}
