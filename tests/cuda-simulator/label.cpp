// Prints the label under which the driver knows each PTX file's kernel, and the file's name: for CUSIM_NAMES.
#include "ptx.hpp"
#include <cstdio>
#include <fstream>
#include <sstream>

int main(int count, char** arguments) {
    for (int i = 1; i < count; i++) {
        std::string path = arguments[i];
        std::stringstream text;
        text << std::ifstream(path).rdbuf();
        Module module;
        if (!module.parse(text.str().c_str(), true)) {
            fprintf(stderr, "%s: %s\n", path.c_str(), module.error.c_str());
            continue;
        }
        std::string file = path.substr(path.rfind('/') + 1);
        std::string name = file.substr(0, file.rfind(".ptx"));
        printf("%s %s\n", module.label().c_str(), name.c_str());
    }
}
