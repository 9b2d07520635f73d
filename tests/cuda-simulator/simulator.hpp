// Device memory, launches and what they find.
#pragma once
#include "ptx.hpp"
#include <algorithm>
#include <atomic>
#include <mutex>

// From the environment; the README says what each is.
struct Config {
    int multiprocessors, ccMajor, ccMinor, driverVersion, threads;
    u64 memory;
    bool check, fuse, count, poison;
    u64 hangLimit;
    std::string log, stats, fail, deviceName;
    int mostReports;
    int resident; // blocks that run at once, where fewer do than fit
};
extern Config& config;

void say(const char* format, ...);

// A finding is told once per kernel, kind and pair of lines.
void finding(const char* kind, const std::string& kernel, const Module& module, u32 line, u32 otherLine, const char* format, ...);

// CUDA's results that the simulator returns itself.
enum Result {
    Success = 0,
    InvalidValue = 1,
    OutOfMemory = 2,
    NoDevice = 100,
    InvalidDevice = 101,
    InvalidContext = 201,
    NoBinaryForGpu = 209,
    PeerAccessUnsupported = 217,
    InvalidPtx = 218,
    UnsupportedPtxVersion = 222,
    InvalidHandle = 400,
    NotFound = 500,
    IllegalAddress = 700,
    LaunchTimeout = 702,
    PeerAccessNotEnabled = 705,
    HostMemoryAlreadyRegistered = 712,
    HostMemoryNotRegistered = 713,
    IllegalInstruction = 715,
    MisalignedAddress = 716,
    InvalidPc = 718,
    LaunchFailed = 719
};

// Ends a kernel.
struct Fault {
    Result result;
};

struct Allocation {
    u64 begin, size;
};

namespace memory {
// Who accessed a word last, and at which instruction.
struct Access {
    u32 launch, thread, epoch, pc;
};
// Of each word of four bytes.
struct Shadow {
    Access write, read;
};

void* allocate(u64 size); // null where there is no room
bool release(u64 address);
bool find(u64 address, Allocation& allocation);
void setInitialised(u64 address, u64 size);
bool contains(u64 address);
u64 used();
Shadow* shadow(u64 address);
u8* initialisedMap(u64 address); // a byte for each word of four bytes
} // namespace memory

struct LineProfile {
    u64 issues = 0, lanes = 0, sectors = 0, lines128 = 0, wavefronts = 0, ideal = 0;

    void add(const LineProfile& other) {
        issues += other.issues;
        lanes += other.lanes;
        sectors += other.sectors;
        lines128 += other.lines128;
        wavefronts += other.wavefronts;
        ideal += other.ideal;
    }
};

struct KernelStats {
    u64 launches = 0, blocks = 0;
    std::vector<LineProfile> profile; // of every instruction
    std::map<std::string, u64> shapes;
    double seconds = 0;
    u64 maxWarpIssues = 0, sumMaxWarpIssues = 0, barriers = 0;
};

struct Kernel {
    Module* module;
    Function* function;
    KernelStats* stats;
};

struct Dimensions {
    u32 x, y, z;

    u32 count() const { return x * y * z; }
};

// Blocks of so many threads that are on a multiprocessor at once.
inline int blocksOfMultiprocessor(int threads) {
    return std::max(1, 512 / std::max(1, threads));
}

Result launch(const Kernel& kernel, Dimensions grid, Dimensions block, u32 dynamicSharedBytes, const u8* parameters);
