// libcuda.so.1: the calls that ILGPU 1.5.3 makes, on one device in host memory.
#include "simulator.hpp"
#include <algorithm>
#include <chrono>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <set>
#include <sys/mman.h>

#define API extern "C" __attribute__((visibility("default"))) int

namespace {
// Objects behind references are never destroyed: what is told at the process's end needs them.
FILE* logFile = stderr;

std::string environment(const char* name, const char* otherwise) {
    const char* value = getenv(name);
    return value && *value ? value : otherwise;
}

Config readEnvironment() {
    Config c;
    c.multiprocessors = atoi(environment("CUSIM_SMS", "132").c_str());
    sscanf(environment("CUSIM_CC", "9.0").c_str(), "%d.%d", &c.ccMajor, &c.ccMinor);
    int major = 12, minor = 8;
    sscanf(environment("CUSIM_DRIVER", "12.8").c_str(), "%d.%d", &major, &minor);
    c.driverVersion = major * 1000 + minor * 10;
    c.threads = atoi(environment("CUSIM_THREADS", "1").c_str());
    c.memory = (u64)(atof(environment("CUSIM_MEMORY_GB", "8").c_str()) * (1ull << 30));
    c.check = environment("CUSIM_CHECK", "1") != "0";
    c.fuse = environment("CUSIM_FMA", "1") != "0";
    c.count = environment("CUSIM_COUNT", "1") != "0";
    c.poison = environment("CUSIM_POISON", "1") != "0";
    c.hangLimit = (u64)atof(environment("CUSIM_HANG", "2e9").c_str());
    c.log = environment("CUSIM_LOG", "");
    c.stats = environment("CUSIM_STATS", "");
    c.fail = environment("CUSIM_FAIL", "");
    c.deviceName = environment("CUSIM_NAME", "NVIDIA Simulated GPU");
    c.resident = atoi(environment("CUSIM_RESIDENT", "0").c_str());
    c.mostReports = atoi(environment("CUSIM_REPORTS", "200").c_str());
    if (!c.log.empty()) {
        FILE* file = fopen(c.log.c_str(), "a");
        if (file) {
            setvbuf(file, nullptr, _IOLBF, 0);
            logFile = file;
        }
    }
    return c;
}
} // namespace

Config& config = *new Config(readEnvironment());

void say(const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fprintf(logFile, "cusim: ");
    vfprintf(logFile, format, arguments);
    fputc('\n', logFile);
    fflush(logFile);
    va_end(arguments);
}

// ---- findings ----
namespace {
std::mutex findingLock;
auto& findings = *new std::map<std::string, u64>; // how often each was found
std::atomic<u64> findingCount{0};
auto& labels = *new std::map<const Module*, std::string>;

std::string kernelLabel(const std::string& name, const Module& module) {
    auto known = labels.find(&module);
    return known == labels.end() ? name : known->second;
}
} // namespace

void finding(const char* kind, const std::string& kernel, const Module& module, u32 line, u32 otherLine, const char* format, ...) {
    std::lock_guard<std::mutex> guard(findingLock);
    findingCount++;
    std::string label = kernelLabel(kernel, module);
    char key[400];
    snprintf(key, sizeof key, "%s|%s|%u|%u", kind, label.c_str(), line, otherLine);
    bool isKnown = findings[key]++ > 0;
    if (isKnown || (int)findings.size() > config.mostReports)
        return;
    char text[600];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    auto textOf = [&](u32 number) { return number && number <= module.lines.size() ? module.lines[number - 1] : std::string("?"); };
    if (otherLine)
        say("FINDING %s in %s: line %u `%s` against line %u `%s`: %s", kind, label.c_str(), line, textOf(line).c_str(), otherLine,
            textOf(otherLine).c_str(), text);
    else
        say("FINDING %s in %s: line %u `%s`: %s", kind, label.c_str(), line, textOf(line).c_str(), text);
}

// ---- device memory ----
namespace memory {
namespace {
constexpr u64 Base = 0x6000'0000'0000ull, Size = 96ull << 30, ShadowBase = 0x6100'0000'0000ull, InitialisedBase = 0x6080'0000'0000ull;
constexpr u64 PageSize = 4096;
constexpr u64 Gap = 4096; // behind each allocation, to find accesses past its end
constexpr u64 LargeSize = 1 << 20;
constexpr u32 PoisonNaN = 0x7fc0dead;

std::mutex lock;
auto& sizes = *new std::map<u64, u64>;      // of the allocations, by address
auto& freed = *new std::multimap<u64, u64>; // addresses, by the room that each has
u64 next = Base + 0x200000, usedBytes = 0;
bool isReserved = false;

bool map(u64 address, u64 size) {
    void* at = (void*)address;
    return mmap(at, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0) == at;
}

bool reserve() {
    if (!isReserved)
        isReserved = map(Base, Size) && map(ShadowBase, Size / 4 * sizeof(Shadow)) && map(InitialisedBase, Size / 4);
    return isReserved;
}

u64 roomFor(u64 size) {
    return (size + 511) / 512 * 512 + Gap;
}

// An address with that much room behind it; zero if there is none.
u64 findRoom(u64 room) {
    auto reusable = freed.find(room);
    if (reusable != freed.end()) {
        u64 address = reusable->second;
        freed.erase(reusable);
        return address;
    }
    if (next + room > Base + Size)
        return 0;
    next += room;
    return next - room;
}
} // namespace

Shadow* shadow(u64 address) {
    return (Shadow*)(ShadowBase + (address - Base) / 4 * sizeof(Shadow));
}

u8* initialisedMap(u64 address) {
    return (u8*)(InitialisedBase + (address - Base) / 4);
}

bool contains(u64 address) {
    return address - Base < Size;
}

u64 used() {
    return usedBytes;
}

void* allocate(u64 size) {
    std::lock_guard<std::mutex> guard(lock);
    if (!reserve()) {
        say("cannot reserve address space");
        return nullptr;
    }
    if (size == 0 || usedBytes + size > config.memory)
        return nullptr;
    u64 address = findRoom(roomFor(size));
    if (!address)
        return nullptr;
    sizes[address] = size;
    usedBytes += size;
    memset(initialisedMap(address), 0, (size + 3) / 4);
    if (config.poison)
        std::fill_n((u32*)address, size / 4, PoisonNaN);
    return (void*)address;
}

bool release(u64 address) {
    std::lock_guard<std::mutex> guard(lock);
    auto allocation = sizes.find(address);
    if (allocation == sizes.end())
        return false;
    u64 size = allocation->second;
    usedBytes -= size;
    if (size > LargeSize) {
        u64 begin = (address + PageSize - 1) / PageSize * PageSize, end = (address + size) / PageSize * PageSize;
        if (end > begin)
            madvise((void*)begin, end - begin, MADV_DONTNEED);
    }
    freed.emplace(roomFor(size), address);
    sizes.erase(allocation);
    return true;
}

// True for an address in the gap behind an allocation, too.
bool find(u64 address, Allocation& allocation) {
    std::lock_guard<std::mutex> guard(lock);
    auto after = sizes.upper_bound(address);
    if (after == sizes.begin())
        return false;
    auto [begin, size] = *std::prev(after);
    allocation = {begin, size};
    return address < begin + size + Gap;
}

void setInitialised(u64 address, u64 size) {
    memset(initialisedMap(address), true, ((address & 3) + size + 3) / 4);
}
} // namespace memory

// ---- the driver's state ----
namespace {
struct Event {
    std::chrono::steady_clock::time_point at;
    bool isRecorded = false;
};

struct LoadedFunction {
    Module* module;
    int index;
    KernelStats* stats;
    std::string label;

    Function& function() const { return module->functions[index]; }
};

struct Context {};

std::mutex callLock;
int stickyResult = Success; // a fault, which every call after it returns
auto& statsByLabel = *new std::map<std::string, KernelStats>;
auto& modulesByLabel = *new std::map<std::string, const Module*>;
thread_local Context* current = nullptr;
auto& callCounts = *new std::map<std::string, u64>;
auto& hostRegistered = *new std::set<void*>;

struct ResultText {
    int code;
    const char *name, *text;
};
const ResultText ResultTexts[] = {
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

const ResultText* textOf(int code) {
    for (auto& result : ResultTexts)
        if (result.code == code)
            return &result;
    return nullptr;
}

// Counts a call, and returns what CUSIM_FAIL=cuLaunchKernel:5:719,cuMemAlloc_v2:3:2[:sticky] makes of it.
int injectedResult(const char* function) {
    u64 number = ++callCounts[function];
    const std::string& faults = config.fail;
    for (size_t begin = 0; begin < faults.size();) {
        size_t end = std::min(faults.find(',', begin), faults.size());
        std::string fault = faults.substr(begin, end - begin);
        begin = end + 1;
        char name[64], suffix[16] = "";
        u64 failing;
        int code;
        bool isRead = sscanf(fault.c_str(), "%63[^:]:%llu:%d:%15s", name, &failing, &code, suffix) >= 3;
        if (isRead && !strcmp(name, function) && failing == number) {
            say("injected %d into call %llu of %s", code, failing, function);
            if (*suffix || code >= IllegalAddress)
                stickyResult = code;
            return code;
        }
    }
    return Success;
}

int beginCall(const char* function) {
    int injected = injectedResult(function);
    return injected ? injected : stickyResult;
}

// What nearly every call begins with.
#define ENTER_AS(function)                                                                                                                 \
    std::lock_guard<std::mutex> guard_(callLock);                                                                                          \
    if (int result_ = beginCall(function))                                                                                                 \
        return result_;
#define ENTER() ENTER_AS(__func__)

// A call that does nothing but to give a value.
template <class T, class Value> int give(const char* function, T* result, Value value) {
    ENTER_AS(function)
    *result = value;
    return Success;
}
} // namespace

// ---- devices and contexts ----
API cuInit(unsigned) {
    std::lock_guard<std::mutex> guard(callLock);
    int injected = injectedResult("cuInit");
    if (injected)
        return injected;
    return config.multiprocessors == 0 ? NoDevice : Success;
}

API cuDriverGetVersion(int* version) {
    int injected = injectedResult("cuDriverGetVersion");
    if (injected)
        return injected;
    *version = config.driverVersion;
    return Success;
}

API cuDeviceGet(int* device, int ordinal) {
    ENTER()
    if (ordinal)
        return InvalidDevice;
    *device = 0;
    return Success;
}

API cuDeviceGetCount(int* count) {
    return give(__func__, count, 1);
}

API cuDeviceGetName(char* name, int room, int) {
    ENTER()
    snprintf(name, room, "%s", config.deviceName.c_str());
    return Success;
}

API cuDeviceTotalMem_v2(size_t* size, int) {
    return give(__func__, size, config.memory);
}

API cuDeviceGetAttribute(int* value, int attribute, int) {
    ENTER()
    int cc = config.ccMajor * 10 + config.ccMinor;
    int sharedKilobytes = cc >= 120 ? 100 : cc >= 90 ? 228 : cc >= 89 ? 100 : cc >= 80 ? 164 : cc >= 75 ? 64 : 96;
    switch (attribute) {
    case 1: *value = 1024; break;                                                               // threads per block
    case 2:                                                                                     // block's width
    case 3: *value = 1024; break;                                                               // block's height
    case 4: *value = 64; break;                                                                 // block's depth
    case 5: *value = 0x7fffffff; break;                                                         // grid's width
    case 6:                                                                                     // grid's height
    case 7: *value = 65535; break;                                                              // grid's depth
    case 8: *value = 49152; break;                                                              // shared memory per block
    case 9: *value = 65536; break;                                                              // constant memory
    case 10: *value = WarpSize; break;                                                          // warp size
    case 11: *value = 0x7fffffff; break;                                                        // pitch
    case 12: *value = 65536; break;                                                             // registers per block
    case 13: *value = 1980000; break;                                                           // clock rate in kHz
    case 16: *value = config.multiprocessors; break;                                            // multiprocessors
    case 17: *value = 0; break;                                                                 // kernels have a time limit
    case 19: *value = 1; break;                                                                 // can map host memory
    case 32: *value = 1; break;                                                                 // ECC
    case 33: *value = 1; break;                                                                 // PCI bus
    case 34: *value = 0; break;                                                                 // PCI device
    case 35: *value = 0; break;                                                                 // TCC driver
    case 36: *value = 2619000; break;                                                           // memory's clock rate in kHz
    case 37: *value = 5120; break;                                                              // memory bus's width in bits
    case 38: *value = 50 << 20; break;                                                          // second-level cache
    case 39: *value = cc >= 120 || cc == 89 || cc == 86 ? 1536 : cc == 75 ? 1024 : 2048; break; // threads per multiprocessor
    case 40: *value = 3; break;                                                                 // copy engines
    case 41: *value = 1; break;                                                                 // unified addressing
    case 50: *value = 0; break;                                                                 // PCI domain
    case 75: *value = config.ccMajor; break;                                                    // compute capability
    case 76: *value = config.ccMinor; break;                                                    // its second number
    case 81: *value = sharedKilobytes << 10; break;                                             // shared memory per multiprocessor
    case 82: *value = 65536; break;                                                             // registers per multiprocessor
    case 83: *value = 1; break;                                                                 // managed memory
    case 90: *value = 1; break;                                                                 // compute preemption
    case 91: *value = 1; break;                                                                 // host pointers of registered memory
    case 97: *value = (sharedKilobytes - 1) << 10; break;                                       // shared memory per block, if asked for
    default: say("attribute %d is not known: 0", attribute); *value = 0;
    }
    return Success;
}

API cuCtxCreate_v2(Context** context, unsigned, int) {
    ENTER()
    *context = current = new Context;
    return Success;
}

API cuCtxDestroy_v2(Context* context) {
    ENTER()
    if (current == context)
        current = nullptr;
    return Success;
}

API cuCtxSetCurrent(Context* context) {
    return give(__func__, &current, context);
}

API cuCtxSynchronize() {
    ENTER()
    return current ? Success : InvalidContext;
}

API cuCtxGetCacheConfig(int* cacheConfig) {
    return give(__func__, cacheConfig, 0);
}

API cuCtxSetCacheConfig(int) {
    ENTER()
    return Success;
}

API cuCtxGetSharedMemConfig(int* bankConfig) {
    return give(__func__, bankConfig, 1);
}

API cuCtxSetSharedMemConfig(int) {
    ENTER()
    return Success;
}

API cuDeviceCanAccessPeer(int* canAccess, int, int) {
    return give(__func__, canAccess, 0);
}

API cuCtxEnablePeerAccess(Context*, unsigned) {
    return PeerAccessUnsupported;
}

API cuCtxDisablePeerAccess(Context*) {
    return PeerAccessNotEnabled;
}

API cuDeviceGetP2PAttribute(int* value, int, int, int) {
    *value = 0;
    return Success;
}

// ---- memory ----
API cuPointerGetAttribute(void* data, int attribute, u64 address) {
    ENTER()
    const int memoryType = 2, deviceMemory = 2;
    if (!memory::contains(address) || attribute != memoryType)
        return InvalidValue;
    *(int*)data = deviceMemory;
    return Success;
}

API cuMemGetInfo_v2(size_t* unused, size_t* total) {
    ENTER()
    *total = config.memory;
    *unused = config.memory - memory::used();
    return Success;
}

API cuMemAlloc_v2(u64* address, size_t size) {
    ENTER()
    if (!current)
        return InvalidContext;
    if (!size)
        return InvalidValue;
    *address = (u64)memory::allocate(size);
    return *address ? Success : OutOfMemory;
}

API cuMemFree_v2(u64 address) {
    ENTER()
    return !address || memory::release(address) ? Success : InvalidValue;
}

API cuMemAllocHost_v2(void** pointer, size_t size) {
    ENTER()
    *pointer = aligned_alloc(4096, (size + 4095) / 4096 * 4096);
    return *pointer ? Success : OutOfMemory;
}

API cuMemFreeHost(void* pointer) {
    ENTER()
    free(pointer);
    return Success;
}

static bool isInside(u64 address, size_t size) {
    Allocation allocation;
    return memory::find(address, allocation) && address + size <= allocation.begin + allocation.size;
}

static void noteUnwritten(u64 address, size_t size) {
    const u8* initialised = memory::initialisedMap(address);
    u64 unwritten = std::count(initialised, initialised + (size + 3) / 4, 0);
    static int told = 0;
    if (unwritten && told++ < 20)
        say("note: copy from device of %zu bytes, of which %llu words were never written", size, unwritten);
}

API cuMemcpyAsync(u64 to, u64 from, size_t size, void*) {
    ENTER()
    if (!current)
        return InvalidContext;
    if (size == 0)
        return Success;
    if (size > PTRDIFF_MAX)
        return InvalidValue;
    bool fromDevice = memory::contains(from), toDevice = memory::contains(to);
    if ((fromDevice && !isInside(from, size)) || (toDevice && !isInside(to, size))) {
        say("FINDING copy of %zu bytes out of bounds: from %#llx to %#llx", size, from, to);
        return InvalidValue;
    }
    if (fromDevice && config.check)
        noteUnwritten(from, size);
    memmove((void*)to, (void*)from, size);
    if (toDevice && fromDevice)
        for (size_t i = 0; i < (size + 3) / 4; i++)
            *memory::initialisedMap(to + i * 4) = *memory::initialisedMap(from + i * 4);
    else if (toDevice)
        memory::setInitialised(to, size);
    return Success;
}

API cuMemsetD8Async(u64 address, u8 value, size_t size, void*) {
    ENTER()
    if (!current)
        return InvalidContext;
    if (size == 0)
        return Success;
    if (!isInside(address, size)) {
        say("FINDING memset out of bounds");
        return InvalidValue;
    }
    memset((void*)address, value, size);
    memory::setInitialised(address, size);
    return Success;
}

API cuMemHostRegister_v2(void* pointer, size_t, unsigned) {
    ENTER()
    return hostRegistered.insert(pointer).second ? Success : HostMemoryAlreadyRegistered;
}

API cuMemHostUnregister(void* pointer) {
    ENTER()
    return hostRegistered.erase(pointer) ? Success : HostMemoryNotRegistered;
}

API cuMemHostGetDevicePointer_v2(u64* address, void* pointer, unsigned) {
    return give(__func__, address, (u64)pointer);
}

// ---- streams, which work at once ----
API cuStreamCreate(int** stream, unsigned) {
    ENTER()
    *stream = new int(0);
    return Success;
}

API cuStreamCreateWithPriority(int** stream, unsigned, int) {
    ENTER()
    *stream = new int(0);
    return Success;
}

API cuStreamDestroy_v2(int* stream) {
    ENTER()
    delete stream;
    return Success;
}

API cuStreamSynchronize(int*) {
    ENTER()
    return current ? Success : InvalidContext;
}

// ---- results ----
API cuGetErrorString(int code, const char** text) {
    const ResultText* known = textOf(code);
    *text = known ? known->text : nullptr;
    return known ? Success : InvalidValue;
}

API cuGetErrorName(int code, const char** name) {
    const ResultText* known = textOf(code);
    *name = known ? known->name : nullptr;
    return known ? Success : InvalidValue;
}

// ---- modules ----
namespace {
struct Threshold {
    int from, value;
};

// The value of the last threshold, the highest being first, that a number reaches.
template <size_t Count> int valueAt(const Threshold (&thresholds)[Count], int number, int otherwise) {
    for (auto& threshold : thresholds)
        if (number >= threshold.from)
            return threshold.value;
    return otherwise;
}

// PTX's newest version that a driver knows: both numbers in one, as in 87 for 8.7.
int newestIsa(int driverVersion) {
    static const Threshold versions[] = {{13000, 90}, {12090, 88}, {12080, 87}, {12070, 86}, {12060, 85}, {12050, 85},
                                         {12040, 84}, {12030, 83}, {12020, 82}, {12010, 81}, {12000, 80}, {11080, 78},
                                         {11070, 77}, {11060, 76}, {11050, 75}, {11040, 74}, {11030, 73}, {11020, 72},
                                         {11010, 71}, {11000, 70}, {10020, 65}, {10010, 64}, {10000, 63}, {9020, 61}};
    return valueAt(versions, driverVersion, 60);
}

// PTX's oldest version that has a target.
int oldestIsa(int computeCapability) {
    static const Threshold versions[] = {{120, 87}, {100, 86}, {89, 78}, {80, 70}, {75, 63}, {70, 60}, {60, 50}};
    return valueAt(versions, computeCapability, 0);
}

// The JIT's log for errors, which a program may give.
struct ErrorLog {
    char* text = nullptr;
    size_t room = 0;

    ErrorLog(unsigned count, const int* options, void** values) {
        const int errorLogBuffer = 5, errorLogBufferSize = 6;
        for (unsigned i = 0; i < count; i++) {
            if (options[i] == errorLogBuffer)
                text = (char*)values[i];
            if (options[i] == errorLogBufferSize)
                room = (size_t)values[i];
        }
    }

    void write(const std::string& message) {
        if (text && room)
            snprintf(text, room, "%s", message.c_str());
    }

    void clear() {
        if (text && room)
            memset(text, 0, room);
    }
};

std::string versionText(int version) {
    return std::to_string(version / 10) + "." + std::to_string(version % 10);
}

// What the driver's compiler has against a module.
int compile(Module& module, const char* text, ErrorLog& log) {
    if (!module.parse(text, config.fuse)) {
        log.write(module.error);
        say("JIT: %s", module.error.c_str());
        return InvalidPtx;
    }
    int isa = module.isaMajor * 10 + module.isaMinor, newest = newestIsa(config.driverVersion);
    if (isa > newest) {
        say("JIT: .version %s is newer than the driver's %d", module.version.c_str(), newest);
        log.write("ptxas : Unsupported .version " + module.version + "; current version is '" + versionText(newest) + "'");
        return UnsupportedPtxVersion;
    }
    if (module.computeCapability > config.ccMajor * 10 + config.ccMinor) {
        say("JIT: target %s is newer than the device", module.target.c_str());
        return NoBinaryForGpu;
    }
    int oldest = oldestIsa(module.computeCapability);
    if (isa < oldest) {
        say("JIT: target %s needs .version %d", module.target.c_str(), oldest);
        return InvalidPtx;
    }
    return Success;
}

// The name that the file CUSIM_NAMES has for a label, or else the label.
std::string nameOf(std::string label) {
    FILE* file = fopen(environment("CUSIM_NAMES", "").c_str(), "r");
    if (!file)
        return label;
    char line[200], known[100], name[100];
    while (fgets(line, sizeof line, file))
        if (sscanf(line, "%99s %99s", known, name) == 2 && label == known)
            label = name;
    fclose(file);
    return label;
}

void dump(const std::string& label, const char* text) {
    std::string folder = environment("CUSIM_DUMP", "");
    if (folder.empty())
        return;
    std::string name = label;
    std::replace(name.begin(), name.end(), '/', '_');
    FILE* file = fopen((folder + "/" + name + ".ptx").c_str(), "w");
    if (file) {
        fputs(text, file);
        fclose(file);
    }
}
} // namespace

API cuModuleLoadDataEx(Module** result, const char* text, unsigned count, int* options, void** values) {
    ErrorLog log(count, options, values);
    // Stays where CUSIM_FAIL makes the call fail.
    log.write("ptxas fatal   : an injected fault");
    ENTER()
    log.clear();
    if (!current)
        return InvalidContext;
    auto module = std::make_unique<Module>();
    if (int error = compile(*module, text, log))
        return error;
    std::string label = nameOf(module->label());
    labels[module.get()] = label;
    dump(label, text);
    *result = module.release();
    return Success;
}

API cuModuleLoadData(Module** result, const char* text) {
    return cuModuleLoadDataEx(result, text, 0, nullptr, nullptr);
}

// Modules stay, since the statistics at the end need them.
API cuModuleUnload(Module*) {
    ENTER()
    return Success;
}

API cuModuleGetFunction(LoadedFunction** result, Module* module, const char* name) {
    ENTER()
    auto found = module->functionIndices.find(name);
    if (found == module->functionIndices.end())
        return NotFound;
    const std::string& label = labels[module];
    modulesByLabel[label] = module;
    *result = new LoadedFunction{module, found->second, &statsByLabel[label], label};
    return Success;
}

// ---- launches ----
namespace {
constexpr u32 MostThreads = 1024, MostSharedBytes = 49152, MostGridHeight = 65535, MostGridWidth = 0x7fffffff;

bool isLaunchable(const Function& function, Dimensions grid, Dimensions block, u32 dynamicSharedBytes) {
    u64 threads = (u64)block.x * block.y * block.z;
    if (!grid.x || !grid.y || !grid.z || grid.x > MostGridWidth || grid.y > MostGridHeight || grid.z > MostGridHeight)
        return false;
    if (!threads || threads > MostThreads)
        return false;
    if (function.maxThreads && (int)threads > function.maxThreads) {
        say("launch of %u threads, .maxntid %d", (u32)threads, function.maxThreads);
        return false;
    }
    return function.sharedBytes + dynamicSharedBytes <= MostSharedBytes;
}

// Parameters in one buffer: `extra` has names and values in turn, up to a zero. False if they are too few.
bool copyParameterBuffer(const LoadedFunction& loaded, void** extra, u8* parameters) {
    void *const bufferPointer = (void*)1, *const bufferSize = (void*)2;
    const void* buffer = nullptr;
    size_t size = 0;
    for (int i = 0; extra[i]; i += 2) {
        if (extra[i] == bufferPointer)
            buffer = extra[i + 1];
        else if (extra[i] == bufferSize)
            size = *(size_t*)extra[i + 1];
    }
    int declared = loaded.function().parameterBytes;
    if ((int)size < declared) {
        say("FINDING launch of %s with %zu bytes of parameters, %d declared", loaded.label.c_str(), size, declared);
        return false;
    }
    static bool told = false;
    if ((int)size != declared && !told) {
        told = true;
        say("note: %s takes %d bytes of parameters and was given %zu", loaded.label.c_str(), declared, size);
    }
    memcpy(parameters, buffer, declared);
    return true;
}
} // namespace

API cuLaunchKernel(LoadedFunction* loaded, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX, unsigned blockY,
                   unsigned blockZ, unsigned dynamicSharedBytes, void*, void** arguments, void** extra) {
    ENTER()
    if (!current)
        return InvalidContext;
    if (!loaded)
        return InvalidHandle;
    Function& function = loaded->function();
    Dimensions grid{gridX, gridY, gridZ}, block{blockX, blockY, blockZ};
    if (!isLaunchable(function, grid, block, dynamicSharedBytes))
        return InvalidValue;
    std::vector<u8> parameters(function.parameterBytes + 8, 0xcd);
    if (!extra)
        for (size_t i = 0; i < function.parameters.size(); i++)
            memcpy(parameters.data() + function.parameters[i].offset, arguments[i], function.parameters[i].size);
    else if (!copyParameterBuffer(*loaded, extra, parameters.data()))
        return InvalidValue;
    static const bool trace = getenv("CUSIM_TRACE");
    if (trace)
        say("launch %s %u x %u", loaded->label.c_str(), gridX, blockX);
    int result = launch({loaded->module, &function, loaded->stats}, grid, block, dynamicSharedBytes, parameters.data());
    if (result) {
        stickyResult = result;
        say("launch of %s failed: %d, %s", loaded->label.c_str(), result, textOf(result) ? textOf(result)->text : "unknown");
    }
    return Success; // as on hardware, a kernel's fault shows at the next call
}

API cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, LoadedFunction*, int blockSize, size_t) {
    return give("cuOccupancy", blocks, blocksOfMultiprocessor(blockSize));
}

API cuOccupancyMaxPotentialBlockSize(int* gridSize, int* blockSize, LoadedFunction*, void*, size_t, int limit) {
    ENTER_AS("cuOccupancy")
    *blockSize = limit && limit < 256 ? limit : 256;
    *gridSize = config.multiprocessors * 2;
    return Success;
}

API cuFuncGetAttribute(int* value, int attribute, LoadedFunction* loaded) {
    ENTER()
    const Function& function = loaded->function();
    switch (attribute) {
    case 0: *value = function.maxThreads ? function.maxThreads : MostThreads; break;
    case 1: *value = function.sharedBytes; break;
    case 3: *value = function.localBytes; break;
    case 4: *value = 128; break; // registers
    default: *value = 0;
    }
    return Success;
}

API cuFuncSetAttribute(LoadedFunction*, int, int) {
    return Success;
}

// ---- events ----
API cuEventCreate(Event** event, unsigned) {
    ENTER()
    *event = new Event;
    return Success;
}

API cuEventDestroy_v2(Event* event) {
    ENTER()
    delete event;
    return Success;
}

API cuEventQuery(Event* event) {
    ENTER()
    return event ? Success : InvalidHandle;
}

API cuEventRecord(Event* event, void*) {
    ENTER()
    event->at = std::chrono::steady_clock::now();
    event->isRecorded = true;
    return Success;
}

API cuEventSynchronize(Event*) {
    ENTER()
    return Success;
}

API cuEventElapsedTime(float* milliseconds, Event* from, Event* to) {
    ENTER()
    if (!from->isRecorded || !to->isRecorded)
        return InvalidHandle;
    *milliseconds = std::chrono::duration<float, std::milli>(to->at - from->at).count();
    return Success;
}

// ---- counts ----
namespace {
u64 warpInstructions(const Module& module, const KernelStats& stats) {
    u64 sum = 0;
    for (size_t i = 0; i < stats.profile.size(); i++)
        if (counts(module.code[i].instructionClass))
            sum += stats.profile[i].issues;
    return sum;
}
} // namespace

// Beside CUDA's calls: the instructions of warps that all kernels have issued so far, for programs that count themselves.
extern "C" __attribute__((visibility("default"))) u64 cusimWarpInstructions() {
    u64 sum = 0;
    for (auto& [label, stats] : statsByLabel)
        if (stats.launches)
            sum += warpInstructions(*modulesByLabel[label], stats);
    return sum;
}

// ---- what is told at the end ----
namespace {
void tellFindings() {
    u64 launches = 0;
    for (auto& [label, stats] : statsByLabel)
        launches += stats.launches;
    if (launches)
        say("end: %llu launches, %llu findings of %zu kinds", launches, findingCount.load(), findings.size());
    for (auto& [key, count] : findings)
        say("  %10llu x %s", count, key.c_str());
}

void writeTotals(FILE* file, const std::string& label, const Module& module, const KernelStats& stats) {
    LineProfile byClass[ClassCount], total;
    for (size_t i = 0; i < stats.profile.size(); i++) {
        InstructionClass instructionClass = module.code[i].instructionClass;
        byClass[instructionClass].add(stats.profile[i]);
        if (counts(instructionClass))
            total.add(stats.profile[i]);
    }
    fprintf(file,
            "kernel %s launches %llu blocks %llu warp_instructions %llu thread_instructions %llu lanes_active %.3f "
            "longest_warp_sum %llu longest_warp_max %llu barriers %llu fused %d seconds %.3f\n",
            label.c_str(), stats.launches, stats.blocks, total.issues, total.lanes,
            total.issues ? total.lanes / (double)WarpSize / total.issues : 0, stats.sumMaxWarpIssues, stats.maxWarpIssues, stats.barriers,
            module.fused, stats.seconds);
    fprintf(file, "  classes(warp/thread):");
    for (int i = ClassNone + 1; i < ClassCount; i++)
        if (byClass[i].issues)
            fprintf(file, " %s %llu/%llu", ClassNames[i], byClass[i].issues, byClass[i].lanes);
    fprintf(file, "\n");
}

void writeAccesses(FILE* file, const Module& module, const KernelStats& stats) {
    LineProfile loads, stores, shared;
    for (size_t i = 0; i < stats.profile.size(); i++) {
        const LineProfile& profile = stats.profile[i];
        if (!profile.sectors && !profile.wavefronts)
            continue;
        // Generic accesses have the class of global ones, but only those of shared memory have wavefronts.
        bool isStore = module.code[i].instructionClass == ClassStoreGlobal;
        (profile.wavefronts ? shared : isStore ? stores : loads).add(profile);
    }
    fprintf(file,
            "  global loads: %llu accesses, %llu sectors, %llu lines, %llu sectors at best; stores: %llu accesses, %llu sectors, "
            "%llu at best; shared: %llu accesses, %llu wavefronts, %llu at best\n",
            loads.issues, loads.sectors, loads.lines128, loads.ideal, stores.issues, stores.sectors, stores.ideal, shared.issues,
            shared.wavefronts, shared.ideal);
}

// The instructions whose accesses take the most beyond what they would at best.
void writeWaste(FILE* file, const Module& module, const KernelStats& stats) {
    auto waste = [&](size_t i) { return stats.profile[i].sectors + stats.profile[i].wavefronts - stats.profile[i].ideal; };
    std::vector<size_t> wasteful;
    for (size_t i = 0; i < stats.profile.size(); i++)
        if (stats.profile[i].sectors > stats.profile[i].ideal || stats.profile[i].wavefronts > stats.profile[i].ideal)
            wasteful.push_back(i);
    std::sort(wasteful.begin(), wasteful.end(), [&](size_t a, size_t b) { return waste(a) > waste(b); });
    if (wasteful.size() > 8)
        wasteful.resize(8);
    for (size_t i : wasteful) {
        const LineProfile& profile = stats.profile[i];
        u32 line = module.code[i].line;
        fprintf(file, "  waste line %u `%s` issues %llu sectors %llu wavefronts %llu ideal %llu\n", line, module.lines[line - 1].c_str(),
                profile.issues, profile.sectors, profile.wavefronts, profile.ideal);
    }
}

void writeStats(FILE* file) {
    for (auto& [label, stats] : statsByLabel)
        if (stats.launches) {
            const Module& module = *modulesByLabel[label];
            writeTotals(file, label, module, stats);
            writeAccesses(file, module, stats);
            for (auto& [shape, count] : stats.shapes)
                fprintf(file, "  shape %s: %llu launches\n", shape.c_str(), count);
            writeWaste(file, module, stats);
        }
    fprintf(file, "calls:");
    for (auto& [function, count] : callCounts)
        fprintf(file, " %s %llu", function.c_str(), count);
    fprintf(file, "\n");
}

__attribute__((destructor)) void finish() {
    if (!config.log.empty() || findingCount)
        tellFindings();
    if (config.stats.empty())
        return;
    FILE* file = fopen(config.stats.c_str(), "a");
    if (file) {
        writeStats(file);
        fclose(file);
    }
}
} // namespace
