// libcuda.so.1: the calls that ILGPU 1.5.3 makes, on one device in host memory.
#include "simulator.hpp"
#include <algorithm>
#include <chrono>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <set>
#include <sys/mman.h>

#define API extern "C" __attribute__((visibility("default"))) int

static std::mutex lock_;
static FILE* logFile = stderr;
static std::string env(const char* n, const char* d) {
    const char* v = getenv(n);
    return v && *v ? v : d;
}
static Config load() {
    Config c;
    c.sms = atoi(env("CUSIM_SMS", "132").c_str());
    sscanf(env("CUSIM_CC", "9.0").c_str(), "%d.%d", &c.major, &c.minor);
    int a = 12, b = 8;
    sscanf(env("CUSIM_DRIVER", "12.8").c_str(), "%d.%d", &a, &b);
    c.driver = a * 1000 + b * 10;
    c.threads = atoi(env("CUSIM_THREADS", "1").c_str());
    c.memory = (u64)(atof(env("CUSIM_MEMORY_GB", "8").c_str()) * (1ull << 30));
    c.check = env("CUSIM_CHECK", "1") != "0";
    c.fuse = env("CUSIM_FMA", "1") != "0";
    c.count = env("CUSIM_COUNT", "1") != "0";
    c.poison = env("CUSIM_POISON", "1") != "0";
    c.hang = (u64)atof(env("CUSIM_HANG", "2e9").c_str());
    c.log = env("CUSIM_LOG", "");
    c.stats = env("CUSIM_STATS", "");
    c.fail = env("CUSIM_FAIL", "");
    c.name = env("CUSIM_NAME", "NVIDIA Simulated GPU");
    c.reports = atoi(env("CUSIM_REPORTS", "200").c_str());
    if (!c.log.empty()) {
        FILE* f = fopen(c.log.c_str(), "a");
        if (f) {
            setvbuf(f, nullptr, _IOLBF, 0);
            logFile = f;
        }
    }
    return c;
}
Config& config = *new Config(load());
void say(const char* format, ...) {
    va_list a;
    va_start(a, format);
    fprintf(logFile, "cusim: ");
    vfprintf(logFile, format, a);
    fputc('\n', logFile);
    fflush(logFile);
    va_end(a);
}

static std::mutex findingLock;
static std::map<std::string, u64>& found = *new std::map<std::string, u64>;
static std::atomic<u64> foundCount{0};
static std::map<std::string, std::string> shownKernels;
u64 findings() {
    return foundCount;
}
static std::string kernelLabel(const std::string& name, const Module& m);
void finding(const char* kind, const std::string& kernel, const Module& m, u32 line, u32 other, const char* format, ...) {
    std::lock_guard<std::mutex> g(findingLock);
    foundCount++;
    std::string label = kernelLabel(kernel, m);
    char key[400];
    snprintf(key, sizeof key, "%s|%s|%u|%u", kind, label.c_str(), line, other);
    u64& n = found[key];
    if (n++ || (int)found.size() > config.reports)
        return;
    char text[600];
    va_list a;
    va_start(a, format);
    vsnprintf(text, sizeof text, format, a);
    va_end(a);
    auto at = [&](u32 l) { return l && l <= m.lines.size() ? m.lines[l - 1] : std::string("?"); };
    if (other)
        say("FINDING %s in %s: line %u `%s` against line %u `%s`: %s", kind, label.c_str(), line, at(line).c_str(), other,
            at(other).c_str(), text);
    else
        say("FINDING %s in %s: line %u `%s`: %s", kind, label.c_str(), line, at(line).c_str(), text);
}

namespace memory {
constexpr u64 Base = 0x6000'0000'0000ull, Size = 96ull << 30, ShadowBase = 0x6100'0000'0000ull, InitBase = 0x6080'0000'0000ull;
static auto& live = *new std::map<u64, u64>;
static u64 next = Base + 0x200000, usedBytes = 0;
static auto& freed = *new std::multimap<u64, u64>;
static bool ready = false;
static std::mutex l;
static bool map(u64 at, u64 size) {
    return mmap((void*)at, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0) ==
           (void*)at;
}
Shadow* shadow(u64 a) {
    return (Shadow*)(ShadowBase + (a - Base) / 4 * sizeof(Shadow));
}
u8* initMap(u64 a) {
    return (u8*)(InitBase + (a - Base) / 4);
}
bool inArena(u64 a) {
    return a - Base < Size;
}
u64 used() {
    return usedBytes;
}
void* allocate(u64 size) {
    std::lock_guard<std::mutex> g(l);
    if (!ready) {
        if (!map(Base, Size) || !map(ShadowBase, Size / 4 * sizeof(Shadow)) || !map(InitBase, Size / 4)) {
            say("cannot reserve address space");
            return nullptr;
        }
        ready = true;
    }
    if (size == 0 || usedBytes + size > config.memory)
        return nullptr;
    u64 room = (size + 511) / 512 * 512 + 4096;
    u64 at = 0;
    auto f = freed.find(room);
    if (f != freed.end()) {
        at = f->second;
        freed.erase(f);
    } else {
        if (next + room > Base + Size)
            return nullptr;
        at = next;
        next += room;
    }
    live[at] = size;
    usedBytes += size;
    memset(initMap(at), 0, (size + 3) / 4);
    if (config.poison) {
        u32* p = (u32*)at;
        for (u64 i = 0; i < size / 4; i++)
            p[i] = 0x7fc0dead;
    }
    return (void*)at;
}
bool release(u64 a) {
    std::lock_guard<std::mutex> g(l);
    auto i = live.find(a);
    if (i == live.end())
        return false;
    usedBytes -= i->second;
    u64 room = (i->second + 511) / 512 * 512 + 4096;
    if (i->second > (1 << 20)) {
        u64 b = (a + 4095) & ~4095ull, e = (a + i->second) & ~4095ull;
        if (e > b)
            madvise((void*)b, e - b, MADV_DONTNEED);
    }
    freed.emplace(room, a);
    live.erase(i);
    return true;
}
bool find(u64 a, Allocation& out) {
    std::lock_guard<std::mutex> g(l);
    auto i = live.upper_bound(a);
    if (i == live.begin())
        return false;
    --i;
    out = {i->first, i->second};
    return a < i->first + i->second + 4096;
}
void initialised(u64 a, u64 n, bool v) {
    if (inArena(a))
        memset(initMap(a), v, ((a & 3) + n + 3) / 4);
}
bool isInitialised(u64 a, u64 n) {
    if (!inArena(a))
        return true;
    const u8* p = initMap(a);
    for (u64 i = 0; i < (n + 3) / 4; i++)
        if (!p[i])
            return false;
    return true;
}
} // namespace memory

struct Event {
    std::chrono::steady_clock::time_point at;
    bool recorded = false;
};
struct Fn {
    Module* module;
    int index;
    KernelStats* stats;
    std::string label;
};
struct Ctx {
    int id;
};
static int sticky = 0;
static auto& stats = *new std::map<std::string, KernelStats>;
static auto& modules = *new std::vector<Module*>;
static auto& labels = *new std::map<const Module*, std::string>;
static auto& statModule = *new std::map<std::string, const Module*>;
static thread_local Ctx* current = nullptr;
static auto& calls = *new std::map<std::string, u64>;
static auto& hostRegistered = *new std::set<u64>;

static std::string kernelLabel(const std::string& name, const Module& m) {
    auto i = labels.find(&m);
    return i == labels.end() ? name : i->second;
}

struct ResultText {
    int code;
    const char *name, *text;
};
static const ResultText ResultTexts[] = {
    {0, "CUDA_SUCCESS", "no error"},
    {1, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {2, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {3, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {100, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {101, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {200, "CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid"},
    {201, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {209, "CUDA_ERROR_NO_BINARY_FOR_GPU", "no kernel image is available for execution on the device"},
    {218, "CUDA_ERROR_INVALID_PTX", "a PTX JIT compilation failed"},
    {222, "CUDA_ERROR_UNSUPPORTED_PTX_VERSION", "the provided PTX was compiled with an unsupported toolchain."},
    {304, "CUDA_ERROR_OPERATING_SYSTEM", "OS call failed or operation not supported on this OS"},
    {400, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {500, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {600, "CUDA_ERROR_NOT_READY", "device not ready"},
    {700, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"},
    {701, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES", "too many resources requested for launch"},
    {702, "CUDA_ERROR_LAUNCH_TIMEOUT", "the launch timed out and was terminated"},
    {714, "CUDA_ERROR_HARDWARE_STACK_ERROR", "hardware stack error"},
    {715, "CUDA_ERROR_ILLEGAL_INSTRUCTION", "an illegal instruction was encountered"},
    {716, "CUDA_ERROR_MISALIGNED_ADDRESS", "misaligned address"},
    {718, "CUDA_ERROR_INVALID_PC", "invalid program counter"},
    {719, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
    {800, "CUDA_ERROR_NOT_PERMITTED", "operation not permitted"},
    {803, "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH", "system has unsupported display driver / cuda driver combination"},
    {999, "CUDA_ERROR_UNKNOWN", "unknown error"},
};

static const ResultText* textOf(int code) {
    for (auto& result : ResultTexts)
        if (result.code == code)
            return &result;
    return nullptr;
}

// CUSIM_FAIL=cuLaunchKernel:5:719,cuMemAlloc_v2:3:2[:sticky] - the n-th call returns the code.
static int injected(const char* fn) {
    u64 n = ++calls[fn];
    if (config.fail.empty())
        return 0;
    std::string s = config.fail;
    size_t p = 0;
    while (p < s.size()) {
        size_t e = s.find(',', p);
        std::string one = s.substr(p, e == std::string::npos ? e : e - p);
        p = e == std::string::npos ? s.size() : e + 1;
        char f[64];
        unsigned long long at;
        int code;
        char st[16] = "";
        if (sscanf(one.c_str(), "%63[^:]:%llu:%d:%15s", f, &at, &code, st) >= 3 && !strcmp(f, fn) && at == n) {
            say("injected %d into call %llu of %s", code, at, fn);
            if (*st || code >= 700)
                sticky = code;
            return code;
        }
    }
    return 0;
}
#define ENTER(fn)                                                                                                                          \
    std::lock_guard<std::mutex> guard_(lock_);                                                                                             \
    {                                                                                                                                      \
        int e_ = injected(fn);                                                                                                             \
        if (e_)                                                                                                                            \
            return e_;                                                                                                                     \
        if (sticky)                                                                                                                        \
            return sticky;                                                                                                                 \
    }

API cuInit(unsigned) {
    std::lock_guard<std::mutex> g(lock_);
    int e = injected("cuInit");
    if (e)
        return e;
    return config.sms == 0 ? 100 : 0;
}
API cuDriverGetVersion(int* v) {
    int e = injected("cuDriverGetVersion");
    if (e)
        return e;
    *v = config.driver;
    return 0;
}
API cuDeviceGet(int* d, int o) {
    ENTER("cuDeviceGet");
    if (o)
        return 101;
    *d = 0;
    return 0;
}
API cuDeviceGetCount(int* n) {
    ENTER("cuDeviceGetCount");
    *n = 1;
    return 0;
}
API cuDeviceGetName(char* s, int n, int) {
    ENTER("cuDeviceGetName");
    snprintf(s, n, "%s", config.name.c_str());
    return 0;
}
API cuDeviceTotalMem_v2(size_t* n, int) {
    ENTER("cuDeviceTotalMem_v2");
    *n = config.memory;
    return 0;
}
API cuDeviceGetAttribute(int* v, int a, int) {
    ENTER("cuDeviceGetAttribute");
    int cc = config.major * 10 + config.minor;
    int smem = cc >= 90 ? 228 : cc >= 89 ? 100 : cc >= 80 ? 164 : cc >= 75 ? 64 : 96;
    if (cc >= 120)
        smem = 100;
    switch (a) {
    case 1: *v = 1024; break;
    case 2:
    case 3: *v = 1024; break;
    case 4: *v = 64; break;
    case 5: *v = 0x7fffffff; break;
    case 6:
    case 7: *v = 65535; break;
    case 8: *v = 49152; break;
    case 9: *v = 65536; break;
    case 10: *v = 32; break;
    case 11: *v = 0x7fffffff; break;
    case 12: *v = 65536; break;
    case 13: *v = 1980000; break;
    case 16: *v = config.sms; break;
    case 17: *v = 0; break;
    case 19: *v = 1; break;
    case 32: *v = 1; break;
    case 33: *v = 1; break;
    case 34: *v = 0; break;
    case 35: *v = 0; break;
    case 36: *v = 2619000; break;
    case 37: *v = 5120; break;
    case 38: *v = 50 << 20; break;
    case 39: *v = cc >= 120 || cc == 89 || cc == 86 ? 1536 : cc == 75 ? 1024 : 2048; break;
    case 40: *v = 3; break;
    case 41: *v = 1; break;
    case 50: *v = 0; break;
    case 75: *v = config.major; break;
    case 76: *v = config.minor; break;
    case 81: *v = smem << 10; break;
    case 82: *v = 65536; break;
    case 83: *v = 1; break;
    case 90: *v = 1; break;
    case 91: *v = 1; break;
    case 97: *v = (smem - 1) << 10; break;
    default: say("attribute %d is not known: 0", a); *v = 0;
    }
    return 0;
}
API cuCtxCreate_v2(Ctx** c, unsigned, int) {
    ENTER("cuCtxCreate_v2");
    static int n = 0;
    *c = new Ctx{++n};
    current = *c;
    return 0;
}
API cuCtxDestroy_v2(Ctx* c) {
    ENTER("cuCtxDestroy_v2");
    if (current == c)
        current = nullptr;
    return 0;
}
API cuCtxSetCurrent(Ctx* c) {
    ENTER("cuCtxSetCurrent");
    current = c;
    return 0;
}
API cuCtxSynchronize() {
    ENTER("cuCtxSynchronize");
    return current ? 0 : 201;
}
API cuCtxGetCacheConfig(int* c) {
    ENTER("cuCtxGetCacheConfig");
    *c = 0;
    return 0;
}
API cuCtxSetCacheConfig(int) {
    ENTER("cuCtxSetCacheConfig");
    return 0;
}
API cuCtxGetSharedMemConfig(int* c) {
    ENTER("cuCtxGetSharedMemConfig");
    *c = 1;
    return 0;
}
API cuCtxSetSharedMemConfig(int) {
    ENTER("cuCtxSetSharedMemConfig");
    return 0;
}
API cuDeviceCanAccessPeer(int* v, int, int) {
    ENTER("cuDeviceCanAccessPeer");
    *v = 0;
    return 0;
}
API cuCtxEnablePeerAccess(Ctx*, unsigned) {
    return 217;
}
API cuCtxDisablePeerAccess(Ctx*) {
    return 705;
}
API cuDeviceGetP2PAttribute(int* v, int, int, int) {
    *v = 0;
    return 0;
}
API cuPointerGetAttribute(void* data, int a, u64 p) {
    ENTER("cuPointerGetAttribute");
    if (!memory::inArena(p))
        return 1;
    if (a == 2) {
        *(int*)data = 2;
        return 0;
    }
    return 1;
}
API cuMemGetInfo_v2(size_t* f, size_t* t) {
    ENTER("cuMemGetInfo_v2");
    *t = config.memory;
    *f = config.memory - memory::used();
    return 0;
}
API cuMemAlloc_v2(u64* p, size_t n) {
    ENTER("cuMemAlloc_v2");
    if (!current)
        return 201;
    if (!n)
        return 1;
    void* q = memory::allocate(n);
    *p = (u64)q;
    return q ? 0 : 2;
}
API cuMemFree_v2(u64 p) {
    ENTER("cuMemFree_v2");
    if (!p)
        return 0;
    return memory::release(p) ? 0 : 1;
}
API cuMemAllocHost_v2(void** p, size_t n) {
    ENTER("cuMemAllocHost_v2");
    *p = aligned_alloc(4096, (n + 4095) / 4096 * 4096);
    return *p ? 0 : 2;
}
API cuMemFreeHost(void* p) {
    ENTER("cuMemFreeHost");
    free(p);
    return 0;
}
static bool inside(u64 p, size_t n) {
    Allocation a;
    return memory::find(p, a) && p + n <= a.begin + a.size;
}
API cuMemcpyAsync(u64 d, u64 s, size_t n, void*) {
    ENTER("cuMemcpyAsync");
    if (!current)
        return 201;
    if (n == 0)
        return 0;
    if (n > PTRDIFF_MAX)
        return 1;
    bool ds = memory::inArena(s), dd = memory::inArena(d);
    if ((ds && !inside(s, n)) || (dd && !inside(d, n))) {
        say("FINDING copy of %zu bytes out of bounds: from %#llx to %#llx", n, (unsigned long long)s, (unsigned long long)d);
        return 1;
    }
    if (ds && config.check) {
        u64 bad = 0;
        const u8* p = memory::initMap(s);
        for (size_t i = 0; i < (n + 3) / 4; i++)
            bad += !p[i];
        if (bad) {
            static u64 told = 0;
            if (told++ < 20)
                say("note: copy from device of %zu bytes, of which %llu words were never written", n, (unsigned long long)bad);
        }
    }
    memmove((void*)d, (void*)s, n);
    if (dd) {
        if (ds)
            for (size_t i = 0; i < (n + 3) / 4; i++)
                *memory::initMap(d + i * 4) = *memory::initMap(s + i * 4);
        else
            memory::initialised(d, n, true);
    }
    return 0;
}
API cuMemsetD8Async(u64 d, u8 v, size_t n, void*) {
    ENTER("cuMemsetD8Async");
    if (!current)
        return 201;
    if (n == 0)
        return 0;
    if (!inside(d, n)) {
        say("FINDING memset out of bounds");
        return 1;
    }
    memset((void*)d, v, n);
    memory::initialised(d, n, true);
    return 0;
}
API cuMemHostRegister_v2(void* p, size_t, unsigned) {
    ENTER("cuMemHostRegister_v2");
    return hostRegistered.insert((u64)p).second ? 0 : 712;
}
API cuMemHostUnregister(void* p) {
    ENTER("cuMemHostUnregister");
    return hostRegistered.erase((u64)p) ? 0 : 713;
}
API cuMemHostGetDevicePointer_v2(u64* d, void* p, unsigned) {
    ENTER("cuMemHostGetDevicePointer_v2");
    *d = (u64)p;
    return 0;
}
API cuStreamCreate(void** s, unsigned) {
    ENTER("cuStreamCreate");
    *s = new int(0);
    return 0;
}
API cuStreamCreateWithPriority(void** s, unsigned, int) {
    ENTER("cuStreamCreateWithPriority");
    *s = new int(0);
    return 0;
}
API cuStreamDestroy_v2(void* s) {
    ENTER("cuStreamDestroy_v2");
    delete (int*)s;
    return 0;
}
API cuStreamSynchronize(void*) {
    ENTER("cuStreamSynchronize");
    return current ? 0 : 201;
}
API cuGetErrorString(int e, const char** s) {
    const ResultText* known = textOf(e);
    *s = known ? known->text : nullptr;
    return known ? 0 : 1;
}
API cuGetErrorName(int e, const char** s) {
    const ResultText* known = textOf(e);
    *s = known ? known->name : nullptr;
    return known ? 0 : 1;
}

static int newestIsa(int driver) { // major * 10 + minor
    static const int t[][2] = {{13000, 90}, {12090, 88}, {12080, 87}, {12070, 86}, {12060, 85}, {12050, 85}, {12040, 84}, {12030, 83},
                               {12020, 82}, {12010, 81}, {12000, 80}, {11080, 78}, {11070, 77}, {11060, 76}, {11050, 75}, {11040, 74},
                               {11030, 73}, {11020, 72}, {11010, 71}, {11000, 70}, {10020, 65}, {10010, 64}, {10000, 63}, {9020, 61}};
    for (auto& x : t)
        if (driver >= x[0])
            return x[1];
    return 60;
}
API cuModuleLoadDataEx(Module** out, const char* text, unsigned n, int* options, void** values) {
    char* log = nullptr;
    size_t room = 0;
    for (unsigned i = 0; i < n; i++) {
        if (options[i] == 5)
            log = (char*)values[i];
        if (options[i] == 6)
            room = (size_t)values[i];
    }
    if (log && room)
        snprintf(log, room, "ptxas fatal   : an injected fault");
    ENTER("cuModuleLoadDataEx");
    if (log && room)
        memset(log, 0, room);
    auto m = new Module;
    if (!current)
        return 201;
    if (!m->parse(text, config.fuse)) {
        if (log && room)
            snprintf(log, room, "%s", m->error.c_str());
        say("JIT: %s", m->error.c_str());
        delete m;
        return 218;
    }
    int isa = m->isaMajor * 10 + m->isaMinor;
    if (isa > newestIsa(config.driver)) {
        say("JIT: .version %s is newer than the driver's %d", m->version.c_str(), newestIsa(config.driver));
        if (log && room)
            snprintf(log, room, "ptxas : Unsupported .version %s; current version is '%d.%d'", m->version.c_str(),
                     newestIsa(config.driver) / 10, newestIsa(config.driver) % 10);
        return 222;
    }
    if (m->cc > config.major * 10 + config.minor) {
        say("JIT: target %s is newer than the device", m->target.c_str());
        return 209;
    }
    int need = m->cc >= 120   ? 87
               : m->cc >= 100 ? 86
               : m->cc >= 90  ? 78
               : m->cc >= 89  ? 78
               : m->cc >= 80  ? 70
               : m->cc >= 75  ? 63
               : m->cc >= 70  ? 60
               : m->cc >= 60  ? 50
                              : 0;
    if (isa < need) {
        say("JIT: target %s needs .version %d", m->target.c_str(), need);
        return 218;
    }
    // A name for people: what the module's functions and size tell apart, since ILGPU calls every kernel Kernel_Run.
    std::string label;
    for (auto& f : m->functions)
        if (f.entry) {
            label = f.name + "#" + std::to_string(f.paramBytes) + "p" + std::to_string(f.end - f.start);
            int others = 0;
            for (auto& g : m->functions)
                others += g.end - g.start;
            label += "/" + std::to_string(others);
            std::string file = env("CUSIM_NAMES", "");
            if (!file.empty()) {
                FILE* h = fopen(file.c_str(), "r");
                char l[200];
                if (h) {
                    while (fgets(l, sizeof l, h)) {
                        char a[100], b[100];
                        if (sscanf(l, "%99s %99s", a, b) == 2 && label == a)
                            label = b;
                    }
                    fclose(h);
                }
            }
        }
    labels[m] = label;
    modules.push_back(m);
    std::string dir = env("CUSIM_DUMP", "");
    if (!dir.empty()) {
        std::string p = label;
        std::replace(p.begin(), p.end(), '/', '_');
        FILE* f = fopen((dir + "/" + p + ".ptx").c_str(), "w");
        if (f) {
            fputs(text, f);
            fclose(f);
        }
    }
    *out = m;
    return 0;
}
API cuModuleLoadData(Module** out, const char* text) {
    return cuModuleLoadDataEx(out, text, 0, nullptr, nullptr);
}
API cuModuleUnload(Module*) {
    ENTER("cuModuleUnload");
    return 0;
}
API cuModuleGetFunction(Fn** out, Module* m, const char* name) {
    ENTER("cuModuleGetFunction");
    auto i = m->byName.find(name);
    if (i == m->byName.end())
        return 500;
    std::string l = labels[m];
    statModule[l] = m;
    *out = new Fn{m, i->second, &stats[l], l};
    return 0;
}
API cuLaunchKernel(Fn* f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared, void*, void** args,
                   void** extra) {
    ENTER("cuLaunchKernel");
    if (!current)
        return 201;
    if (!f)
        return 400;
    Function& g = f->module->functions[f->index];
    u64 t = (u64)bx * by * bz;
    if (!gx || !gy || !gz || !t || t > 1024 || gy > 65535 || gz > 65535 || gx > 0x7fffffff)
        return 1;
    if (g.maxThreads && (int)t > g.maxThreads) {
        say("launch of %u threads, .maxntid %d", (unsigned)t, g.maxThreads);
        return 1;
    }
    if (g.sharedBytes + shared > 49152)
        return 1;
    std::vector<u8> params(g.paramBytes + 8, 0xcd);
    if (extra) {
        const void* p = nullptr;
        size_t n = 0;
        for (int i = 0; extra[i]; i += 2) {
            if (extra[i] == (void*)1)
                p = extra[i + 1];
            else if (extra[i] == (void*)2)
                n = *(size_t*)extra[i + 1];
        }
        if ((int)n < g.paramBytes) {
            say("FINDING launch of %s with %zu bytes of parameters, %d declared", f->label.c_str(), n, g.paramBytes);
            return 1;
        }
        if ((int)n != g.paramBytes) {
            static bool told = false;
            if (!told) {
                told = true;
                say("note: %s takes %d bytes of parameters and was given %zu", f->label.c_str(), g.paramBytes, n);
            }
        }
        memcpy(params.data(), p, g.paramBytes);
    } else
        for (size_t i = 0; i < g.paramVars.size(); i++)
            memcpy(params.data() + g.paramVars[i].offset, args[i], g.paramVars[i].size);
    static const bool trace = getenv("CUSIM_TRACE");
    if (trace)
        say("launch %s %u x %u", f->label.c_str(), gx, bx);
    Kernel k{f->module, &g, f->stats};
    int e = launch(k, gx, gy, gz, bx, by, bz, shared, params.data());
    if (e) {
        sticky = e;
        say("launch of %s failed: %d, %s", f->label.c_str(), e, textOf(e) ? textOf(e)->text : "unknown");
    }
    return 0; // as on hardware, a kernel's fault shows at the next call
}
API cuOccupancyMaxActiveBlocksPerMultiprocessor(int* n, Fn*, int block, size_t) {
    ENTER("cuOccupancy");
    *n = std::max(1, 512 / std::max(1, block));
    return 0;
}
API cuOccupancyMaxPotentialBlockSize(int* grid, int* block, Fn*, void*, size_t, int limit) {
    ENTER("cuOccupancy");
    *block = limit && limit < 256 ? limit : 256;
    *grid = config.sms * 2;
    return 0;
}
API cuFuncGetAttribute(int* v, int a, Fn* f) {
    ENTER("cuFuncGetAttribute");
    Function& g = f->module->functions[f->index];
    *v = a == 0 ? (g.maxThreads ? g.maxThreads : 1024) : a == 1 ? g.sharedBytes : a == 3 ? g.localBytes : a == 4 ? 128 : 0;
    return 0;
}
API cuFuncSetAttribute(Fn*, int, int) {
    return 0;
}
API cuEventCreate(Event** e, unsigned) {
    ENTER("cuEventCreate");
    *e = new Event;
    return 0;
}
API cuEventDestroy_v2(Event* e) {
    ENTER("cuEventDestroy_v2");
    delete e;
    return 0;
}
API cuEventQuery(Event* e) {
    ENTER("cuEventQuery");
    return e ? 0 : 400;
}
API cuEventRecord(Event* e, void*) {
    ENTER("cuEventRecord");
    e->at = std::chrono::steady_clock::now();
    e->recorded = true;
    return 0;
}
API cuEventSynchronize(Event*) {
    ENTER("cuEventSynchronize");
    return 0;
}
API cuEventElapsedTime(float* ms, Event* a, Event* b) {
    ENTER("cuEventElapsedTime");
    if (!a->recorded || !b->recorded)
        return 400;
    *ms = std::chrono::duration<float, std::milli>(b->at - a->at).count();
    return 0;
}

__attribute__((destructor)) static void finish() {
    if (!config.log.empty() || foundCount) {
        u64 l = 0;
        for (auto& s : stats)
            l += s.second.launches;
        if (l)
            say("end: %llu launches, %llu findings of %zu kinds", (unsigned long long)l, (unsigned long long)foundCount.load(),
                found.size());
        for (auto& f : found)
            say("  %10llu x %s", (unsigned long long)f.second, f.first.c_str());
    }
    if (config.stats.empty())
        return;
    FILE* f = fopen(config.stats.c_str(), "a");
    if (!f)
        return;
    for (auto& s : stats)
        if (s.second.launches) {
            const Module& m = *statModule[s.first];
            u64 iss[CCount] = {0}, lan[CCount] = {0};
            LineProfile g, gs, sh;
            u64 ti = 0, tl = 0;
            for (size_t i = 0; i < s.second.pc.size(); i++) {
                auto& p = s.second.pc[i];
                u8 c = m.code[i].cls;
                iss[c] += p.issues;
                lan[c] += p.lanes;
                if (c != CNone && c != CParam) {
                    ti += p.issues;
                    tl += p.lanes;
                }
                bool isShared = c == CLdS || c == CStS || p.wavefronts;
                LineProfile& t = isShared ? sh : (c == CStG ? gs : g);
                t.issues += p.sectors || p.wavefronts ? p.issues : 0;
                t.sectors += p.sectors;
                t.lines128 += p.lines128;
                t.wavefronts += p.wavefronts;
                t.ideal += p.ideal;
            }
            fprintf(f,
                    "kernel %s launches %llu blocks %llu warp_instructions %llu thread_instructions %llu lanes_active %.3f "
                    "longest_warp_sum %llu longest_warp_max %llu barriers %llu fused %d seconds %.3f\n",
                    s.first.c_str(), (unsigned long long)s.second.launches, (unsigned long long)s.second.blocks, (unsigned long long)ti,
                    (unsigned long long)tl, ti ? tl / 32.0 / ti : 0, (unsigned long long)s.second.sumMaxWarpIssues,
                    (unsigned long long)s.second.maxWarpIssues, (unsigned long long)s.second.barriers, m.fused, s.second.seconds);
            fprintf(f, "  classes(warp/thread):");
            for (int c = 1; c < CCount; c++)
                if (iss[c])
                    fprintf(f, " %s %llu/%llu", ClassNames[c], (unsigned long long)iss[c], (unsigned long long)lan[c]);
            fprintf(f, "\n");
            fprintf(f,
                    "  global loads: %llu accesses, %llu sectors, %llu lines, %llu sectors at best; stores: %llu accesses, %llu sectors, "
                    "%llu at best; shared: %llu accesses, %llu wavefronts, %llu at best\n",
                    (unsigned long long)g.issues, (unsigned long long)g.sectors, (unsigned long long)g.lines128,
                    (unsigned long long)g.ideal, (unsigned long long)gs.issues, (unsigned long long)gs.sectors,
                    (unsigned long long)gs.ideal, (unsigned long long)sh.issues, (unsigned long long)sh.wavefronts,
                    (unsigned long long)sh.ideal);
            for (auto& q : s.second.shapes)
                fprintf(f, "  shape %s: %llu launches\n", q.first.c_str(), (unsigned long long)q.second);
            std::vector<size_t> order;
            for (size_t i = 0; i < s.second.pc.size(); i++)
                if (s.second.pc[i].sectors > s.second.pc[i].ideal || s.second.pc[i].wavefronts > s.second.pc[i].ideal)
                    order.push_back(i);
            std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
                auto w = [&](size_t i) {
                    auto& p = s.second.pc[i];
                    return (p.sectors + p.wavefronts) - p.ideal;
                };
                return w(a) > w(b);
            });
            for (size_t j = 0; j < order.size() && j < 8; j++) {
                auto& p = s.second.pc[order[j]];
                fprintf(f, "  waste line %u `%s` issues %llu sectors %llu wavefronts %llu ideal %llu\n", m.code[order[j]].line,
                        m.lines[m.code[order[j]].line - 1].c_str(), (unsigned long long)p.issues, (unsigned long long)p.sectors,
                        (unsigned long long)p.wavefronts, (unsigned long long)p.ideal);
            }
        }
    fprintf(f, "calls:");
    for (auto& c : calls)
        fprintf(f, " %s %llu", c.first.c_str(), (unsigned long long)c.second);
    fprintf(f, "\n");
    fclose(f);
}
