// Device memory, launches and what they find.
#pragma once
#include "ptx.hpp"
#include <atomic>
#include <mutex>

struct Config {
    int sms, major, minor, driver, threads;
    u64 memory;
    bool check, fuse, count, poison;
    u64 hang;
    std::string log, stats, fail, name;
    int reports;
};
extern Config& config;
void say(const char* format, ...);

// A finding is told once per kernel, kind and pair of lines.
void finding(const char* kind, const std::string& kernel, const Module& m, u32 line, u32 other, const char* format, ...);
u64 findings();

struct Fault {
    int code;
}; // a CUresult

struct Allocation {
    u64 begin, size;
};
namespace memory {
void* allocate(u64 size); // null when there is no room
bool release(u64 address);
bool find(u64 address, Allocation& a);
void initialised(u64 address, u64 size, bool value);
bool isInitialised(u64 address, u64 size);
bool inArena(u64 address);
u64 used();
struct Shadow {
    u32 wLaunch, wThread, wEpoch, wPc, rLaunch, rThread, rEpoch, rPc;
}; // per word of four bytes
Shadow* shadow(u64 address);
u8* initMap(u64 address);
} // namespace memory

struct LineProfile {
    u64 issues = 0, lanes = 0, sectors = 0, lines128 = 0, wavefronts = 0, ideal = 0;
};
struct KernelStats {
    u64 launches = 0, blocks = 0;
    std::vector<LineProfile> pc;
    std::map<std::string, u64> shapes;
    double seconds = 0;
    u64 maxWarpIssues = 0, sumMaxWarpIssues = 0, barriers = 0;
};
struct Kernel {
    Module* module;
    Function* function;
    KernelStats* stats;
};
int launch(const Kernel& k, u32 gx, u32 gy, u32 gz, u32 bx, u32 by, u32 bz, u32 dynamicShared, const u8* params);
