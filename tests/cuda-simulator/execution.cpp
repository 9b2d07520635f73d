// Runs a kernel: blocks one after the other, their warps in turn from barrier to barrier, 32 lanes at once. A block that waits for
// another, which it shows by an atomic that changes nothing, lets others run. Lanes of a warp that take different ways do so one after
// the other, up to the branch's immediate post-dominator: a stack, as Pascal has it.
#include "simulator.hpp"
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <memory>
#include <thread>
#include <type_traits>
#include <unordered_map>
#include <utility>

namespace {
constexpr int MaxCallDepth = 24;

// Lanes of a warp that go the same way.
struct Path {
    u32 mask;
    i32 pc;
    i32 depth; // of calls
    i32 join;  // the instruction at which the path ends; -1 for none
};

// What one block knows of others: for each block, the epoch before which its accesses have happened. Empty if it knows nothing.
using Knowledge = std::vector<u32>;

void learn(Knowledge& known, const Knowledge& more) {
    if (known.size() < more.size())
        known.resize(more.size());
    for (size_t i = 0; i < more.size(); i++)
        known[i] = std::max(known[i], more[i]);
}

struct Warp {
    u8* registers;
    std::vector<Path> paths; // a stack, whose last path runs
    u32 live;                // lanes that have not ended
    u32 all;
    int id;
    u64 issues;
    bool waits; // at a barrier
    bool polls; // has just read a word by an atomic that changed nothing

    // An atomic tells what was known at the last fence before it. What it hears is known from the next fence on: first to this warp, and
    // after a barrier to the block.
    Knowledge knownAtFence, heard, learnt;

    template <class T> T* values(i32 slot) const { return (T*)(registers + slot * SlotBytes); }
};

struct SharedAccess {
    u32 thread, epoch, pc; // thread: its number plus one; zero for none
};
// Of each word of four bytes.
struct SharedShadow {
    SharedAccess write, read;
    bool initialised;
};

// What the blocks of a launch have told each other by atomics, by the word's address. One of them has the lock while it does so.
struct Told {
    std::mutex lock;
    std::unordered_map<u64, Knowledge> words;
};

// What an access has for a thread where there are more than one.
constexpr u32 SeveralBlocks = ~0u, SeveralThreads = ~0u - 1;

// Shadows of global memory have the block of a reader above the instruction, as far as there is room.
constexpr int ReaderBlockShift = 24;
constexpr u32 ReaderPcMask = (1u << ReaderBlockShift) - 1, ReaderBlockMask = 0xff;

// Calls f for each lane of the mask. The loop over all lanes is apart so that it can become vector instructions. This and what chooses a
// type must be inlined, or simulation takes a third longer.
template <class F> [[gnu::always_inline]] inline void forLanes(u32 mask, F f) {
    if (mask == AllLanes) {
        for (int lane = 0; lane < WarpSize; lane++)
            f(lane);
    } else
        for (int lane = 0; lane < WarpSize; lane++)
            if (mask >> lane & 1)
                f(lane);
}

[[noreturn]] void unsupported() {
    throw Fault{InvalidPc};
}

// ---- types ----
// Calls f with a value of the C++ type.
template <class F> [[gnu::always_inline]] inline void byType(Type type, F f) {
    switch (type) {
    case S16: f(i16()); break;
    case B16:
    case U16: f(u16()); break;
    case S32: f(i32()); break;
    case B32:
    case U32:
    case Pred: f(u32()); break;
    case S64: f(i64()); break;
    case B64:
    case U64: f(u64()); break;
    case F32: f(float()); break;
    case F64: f(double()); break;
    case S8: f(i8()); break;
    case B8:
    case U8: f(u8()); break;
    default: unsupported();
    }
}

// Calls f with a value as wide as the type's registers.
template <class F> [[gnu::always_inline]] inline void byWidth(Type type, F f) {
    if (bytes(type) == 8)
        f(u64());
    else
        f(u32());
}

template <class F> [[gnu::always_inline]] inline void byPrecision(Type type, F f) {
    if (type == F32)
        f(float());
    else
        f(double());
}

// What a slot holds: values of 8 and 16 bits have 32 there.
template <class T>
using InSlot = std::conditional_t<sizeof(T) == 8, T,
                                  std::conditional_t<std::is_same_v<T, float>, float, std::conditional_t<std::is_signed_v<T>, i32, u32>>>;

// ---- arithmetic: integers wrap, as unsigned ones do in C++ ----
template <class T> T add(T a, T b) {
    if constexpr (std::is_floating_point_v<T>)
        return a + b;
    else
        return (T)((u64)a + (u64)b);
}

template <class T> T subtract(T a, T b) {
    if constexpr (std::is_floating_point_v<T>)
        return a - b;
    else
        return (T)((u64)a - (u64)b);
}

template <class T> T multiply(T a, T b) {
    if constexpr (std::is_floating_point_v<T>)
        return a * b;
    else
        return (T)((u64)a * (u64)b);
}

template <class T> T negate(T a) {
    if constexpr (std::is_floating_point_v<T>)
        return -a;
    else
        return (T)(0 - (u64)a);
}

template <class T> T absolute(T a) {
    if constexpr (std::is_floating_point_v<T>)
        return std::fabs(a);
    else
        return a < 0 ? negate(a) : a;
}

template <class T> bool isMinusOne(T a) {
    return std::is_signed_v<T> && a == (T)-1;
}

template <class T> T divide(T a, T b) {
    if constexpr (std::is_floating_point_v<T>)
        return a / b;
    else
        return b == 0 ? (T) ~(T)0 : isMinusOne(b) ? negate(a) : a / b;
}

template <class T> T remainder(T a, T b) {
    if constexpr (std::is_floating_point_v<T>)
        return 0;
    else
        return b == 0 ? a : isMinusOne(b) ? 0 : a % b;
}

// The smaller or the larger of two. Of a NaN and a number it is the number, unless NaNs count; -0 is smaller than 0.
template <bool Larger, class T> T extreme(T a, T b, bool nanCounts) {
    if constexpr (std::is_floating_point_v<T>) {
        if (nanCounts && (a != a || b != b))
            return NAN;
        bool before = Larger ? a > b : a < b;
        return a != a ? b : b != b ? a : before || (a == b && std::signbit(a) != Larger) ? a : b;
    } else
        return (Larger ? a > b : a < b) ? a : b;
}

template <class T> T shiftLeft(T a, u32 count) {
    return count >= sizeof(T) * 8 ? (T)0 : (T)((u64)a << count);
}

template <class T> T shiftRight(T a, u32 count) {
    if (count >= sizeof(T) * 8)
        return a < (T)0 ? (T)-1 : (T)0;
    return (T)(a >> count);
}

template <class T> T applyAtomic(AtomicOperation operation, T old, T value, T replacement) {
    switch (operation) {
    case AtomicAdd: return old + value;
    case AtomicMax: return std::max(old, value);
    case AtomicMin: return std::min(old, value);
    case AtomicExchange: return value;
    case AtomicCompareAndSwap: return old == value ? replacement : old;
    default: break;
    }
    if constexpr (std::is_integral_v<T>)
        switch (operation) {
        case AtomicAnd: return old & value;
        case AtomicOr: return old | value;
        case AtomicXor: return old ^ value;
        default: break;
        }
    return old;
}

// As far off as hardware's may be: by 2^-11.
double approximateTanh(double a) {
    return std::tanh(a) * (1 + 4.9e-4 * std::sin(a * 97));
}

// ---- conversions ----
template <class To, class From> To bitCast(From from) {
    static_assert(sizeof(To) == sizeof(From));
    To to;
    memcpy(&to, &from, sizeof to);
    return to;
}

double realOf(Type type, const u8* values, int lane) {
    switch (type) {
    case F32: return ((const float*)values)[lane];
    case F64: return ((const double*)values)[lane];
    default: return bitCast<_Float16>((u16)((const u32*)values)[lane]);
    }
}

u64 bitsOf(double value, Type type) {
    switch (type) {
    case F32: return bitCast<u32>((float)value);
    case F64: return bitCast<u64>(value);
    default: return bitCast<u16>((_Float16)(float)value);
    }
}

u64 extend(u64 bits, Type type) {
    switch (type) {
    case S8: return (u64)(i8)bits;
    case U8: return (u8)bits;
    case S16: return (u64)(i16)bits;
    case U16: return (u16)bits;
    case S32: return (u64)(i32)bits;
    case U32: return (u32)bits;
    default: return bits;
    }
}

double roundToWhole(double value, Rounding rounding) {
    switch (rounding) {
    case TowardsZero: return std::trunc(value);
    case ToNearest: return std::nearbyint(value);
    case Down: return std::floor(value);
    case Up: return std::ceil(value);
    default: return value;
    }
}

// The nearest integer that the type has.
u64 wholeToInteger(double whole, Type type) {
    int bits = bytes(type) * 8, magnitudeBits = isSigned(type) ? bits - 1 : bits;
    double lowest = isSigned(type) ? -std::ldexp(1.0, magnitudeBits) : 0, end = std::ldexp(1.0, magnitudeBits);
    if (whole != whole)
        return bits == 64 ? 1ull << 63 : 0;
    if (whole <= lowest)
        return (u64)(i64)lowest;
    if (whole >= end)
        return ~0ull >> (64 - magnitudeBits);
    return isSigned(type) ? (u64)(i64)whole : (u64)whole;
}

u64 integerToReal(u64 value, bool isSignedInteger, Type type) {
    // By way of a double, a float would be rounded twice.
    if (type == F32)
        return bitCast<u32>(isSignedInteger ? (float)(i64)value : (float)value);
    return bitsOf(isSignedInteger ? (double)(i64)value : (double)value, type);
}

// ---- memory ----
Space spaceOf(u64 genericAddress) {
    u64 window = genericAddress & ~(SharedWindow - 1);
    return window == SharedWindow ? Shared : window == LocalWindow ? Local : Global;
}

u64 windowOf(Space space) {
    return space == Shared ? SharedWindow : space == Local ? LocalWindow : 0;
}

// Adds a value to those that a count has seen, unless it is among them. Of more than there is room for, the first are remembered.
template <class T, int Room, class Count> bool addOnce(T (&seen)[Room], Count& count, T value) {
    for (int i = std::min((int)count, Room); i-- > 0;)
        if (seen[i] == value)
            return false;
    if (count < Room)
        seen[count] = value;
    count++;
    return true;
}

class Block {
    const Kernel& kernel;
    const Module& module;
    const Instruction* code;
    const u8* parameters;
    const Dimensions grid, block;
    const u32 threads, launchId, dynamicSharedBytes;
    const u64 sharedBytes, localBytes;
    const u64 hangLimit = config.hangLimit;
    LineProfile* profile; // of every instruction

    u32 id = 0;
    u32 epoch = 1; // goes up at every barrier
    u64 issues = 0;
    std::vector<u8> registers, shared, local;
    std::vector<SharedShadow> sharedShadows;
    std::vector<Allocation> lastAllocations; // that each instruction accessed

    Told& told;
    Knowledge known;

    // ---- findings ----
    template <class... Arguments>
    [[gnu::cold, gnu::noinline]] void report(const char* kind, u32 line, u32 otherLine, const char* format, Arguments... arguments) const {
        finding(kind, kernel.function->name, module, line, otherLine, format, arguments...);
    }

    u32 lineOf(u32 pc) const { return pc < module.code.size() ? code[pc].line : 0; }

    [[noreturn]] void outOfBounds(const Instruction& instruction, u64 address, int size, Space space) const {
        const char* name = space == Global ? "global" : space == Shared ? "shared" : "local";
        Allocation allocation;
        bool isNear = space == Global && memory::find(address, allocation);
        report("out of bounds", instruction.line, 0, "%s %d bytes at %#llx%s", name, size, address,
               isNear ? " (past the end of its allocation)" : "");
        throw Fault{IllegalAddress};
    }

    [[noreturn]] void misaligned(const Instruction& instruction, u64 address, int size) const {
        report("misaligned", instruction.line, 0, "%d bytes at %#llx", size, address);
        throw Fault{MisalignedAddress};
    }

    // ---- races and reads of unwritten memory ----
    // Threads of the grid count from one in shadows.
    u32 blockOf(u32 gridThread) const { return (gridThread - 1) / threads; }
    u32 threadOf(u32 gridThread) const { return (gridThread - 1) % threads; }

    // Whether the accesses of a block in an epoch have happened before those of a thread of this one now.
    bool happenedBefore(u32 other, u32 otherEpoch, u32 thread) const {
        auto knows = [&](const Knowledge& of) { return other < of.size() && otherEpoch < of[other]; };
        return other == id ? otherEpoch < epoch : knows(known) || knows(warps[thread / WarpSize].learnt);
    }

    template <bool Write>
    void checkLastWriter(const Instruction& instruction, const memory::Access& writer, u64 word, const void* old, const u8* value, int size,
                         u32 thread, u32 gridThread) {
        if (writer.launch != launchId || writer.thread == gridThread || instruction.synchronised)
            return;
        u32 writerBlock = blockOf(writer.thread);
        if (happenedBefore(writerBlock, writer.epoch, thread))
            return;
        const char* where = writerBlock == id ? "same block, no barrier" : "other block";
        if (Write)
            report(memcmp(old, value, size) ? "global race write/write" : "global race write/write, same value", instruction.line,
                   lineOf(writer.pc), "%s, word %#llx, block %u thread %u and block %u thread %u", where, word, id, thread, writerBlock,
                   threadOf(writer.thread));
        else
            report("global race read/write", instruction.line, lineOf(writer.pc),
                   "%s, word %#llx, reader block %u thread %u, writer block %u thread %u", where, word, id, thread, writerBlock,
                   threadOf(writer.thread));
    }

    bool isReadBefore(const memory::Access& reader, u32 thread) const {
        if (reader.thread == SeveralBlocks)
            return false;
        if (reader.thread == SeveralThreads)
            return reader.pc >> ReaderBlockShift == (id & ReaderBlockMask) && reader.epoch < epoch;
        return happenedBefore(blockOf(reader.thread), reader.epoch, thread);
    }

    void checkLastReader(const Instruction& instruction, const memory::Access& reader, u64 word, u32 thread, u32 gridThread) {
        if (reader.launch == launchId && reader.thread != gridThread && !instruction.synchronised && !isReadBefore(reader, thread))
            report("global race write/read", instruction.line, lineOf(reader.pc & ReaderPcMask),
                   "word %#llx, writer block %u thread %u, reader %s", word, id, thread,
                   reader.thread == SeveralBlocks ? "of several blocks" : "of this or another block without a barrier");
    }

    void recordRead(memory::Access& reader, i32 pc, u32 gridThread) {
        u32 ownBlock = id & ReaderBlockMask;
        if (reader.launch != launchId) {
            reader.launch = launchId;
            reader.thread = gridThread;
        } else if (reader.thread != gridThread && reader.thread != SeveralBlocks) {
            u32 readerBlock = reader.thread == SeveralThreads ? reader.pc >> ReaderBlockShift : blockOf(reader.thread) & ReaderBlockMask;
            reader.thread = readerBlock != ownBlock ? SeveralBlocks : reader.epoch == epoch ? SeveralThreads : gridThread;
        }
        reader.epoch = epoch;
        reader.pc = (u32)pc | ownBlock << ReaderBlockShift;
    }

    template <bool Write> void checkGlobal(const Instruction& instruction, i32 pc, u64 address, int size, u32 thread, const u8* value) {
        u32 gridThread = id * threads + thread + 1;
        for (int offset = 0; offset < size; offset += 4) {
            u64 word = (address + offset) & ~3ull;
            memory::Shadow& shadow = *memory::shadow(word);
            u8& initialised = *memory::initialisedMap(word);
            checkLastWriter<Write>(instruction, shadow.write, word, (const void*)(address + offset), value + offset, std::min(4, size),
                                   thread, gridThread);
            if (Write) {
                checkLastReader(instruction, shadow.read, word, thread, gridThread);
                shadow.write = {launchId, gridThread, epoch, (u32)pc};
                initialised = 1;
            } else {
                if (!initialised)
                    report("uninitialised global read", instruction.line, 0, "word %#llx, block %u thread %u", word, id, thread);
                recordRead(shadow.read, pc, gridThread);
            }
        }
    }

    bool isOtherThread(const SharedAccess& access, u32 thread) const {
        return access.thread && access.thread != thread + 1 && access.epoch == epoch;
    }

    template <bool Write> void checkShared(const Instruction& instruction, i32 pc, u64 address, int size, u32 thread, const u8* value) {
        for (int offset = 0; offset < size; offset += 4) {
            SharedShadow& shadow = sharedShadows[(address + offset) / 4];
            if (isOtherThread(shadow.write, thread) && !instruction.synchronised) {
                if (Write)
                    report(memcmp(&shared[(address + offset) & ~3ull], value + offset, std::min(4, size))
                               ? "shared race write/write"
                               : "shared race write/write, same value",
                           instruction.line, lineOf(shadow.write.pc), "offset %llu, threads %u and %u", address, thread,
                           shadow.write.thread - 1);
                else
                    report("shared race read/write", instruction.line, lineOf(shadow.write.pc), "offset %llu, reader %u, writer %u",
                           address, thread, shadow.write.thread - 1);
            }
            if (Write) {
                if (isOtherThread(shadow.read, thread) && !instruction.synchronised)
                    report("shared race write/read", instruction.line, lineOf(shadow.read.pc), "offset %llu, writer %u, reader %u", address,
                           thread, shadow.read.thread == SeveralThreads ? 9999 : shadow.read.thread - 1);
                shadow.write = {thread + 1, epoch, (u32)pc};
                shadow.initialised = true;
            } else {
                if (!shadow.initialised)
                    report("uninitialised shared read", instruction.line, 0, "offset %llu, thread %u, block %u", address, thread, id);
                shadow.read = {isOtherThread(shadow.read, thread) ? SeveralThreads : thread + 1, epoch, (u32)pc};
            }
        }
    }

    // ---- counts ----
    static void countGlobal(LineProfile& counts, u32 mask, const u64* addresses, int size) {
        u64 sectors[WarpSize], lines[WarpSize];
        int sectorCount = 0, lineCount = 0;
        u32 lanes = 0;
        for (int lane = 0; lane < WarpSize; lane++)
            if (mask >> lane & 1) {
                lanes++;
                u64 sector = addresses[lane] / 32;
                if (addOnce(sectors, sectorCount, sector))
                    addOnce(lines, lineCount, sector / 4);
            }
        counts.sectors += sectorCount;
        counts.lines128 += lineCount;
        counts.ideal += (lanes * size + 31) / 32;
    }

    // A wavefront serves one word of each of the 32 banks. Accesses of 8 and 16 bytes go by halves and quarters of the warp.
    static void countShared(LineProfile& counts, u32 mask, const u64* addresses, int size) {
        int lanesAtOnce = size == 16 ? 8 : size == 8 ? 16 : 32;
        u64 wavefronts = 0, ideal = 0;
        for (int first = 0; first < WarpSize; first += lanesAtOnce) {
            u32 words[32][8];
            u8 wordCounts[32] = {0};
            int most = 0;
            bool any = false;
            for (int lane = first; lane < first + lanesAtOnce; lane++)
                if (mask >> lane & 1) {
                    any = true;
                    for (int offset = 0; offset < size; offset += 4) {
                        u32 word = (u32)((addresses[lane] + offset) / 4);
                        int bank = word % 32;
                        if (addOnce(words[bank], wordCounts[bank], word))
                            most = std::max(most, (int)wordCounts[bank]);
                    }
                }
            wavefronts += most;
            ideal += any;
        }
        counts.wavefronts += wavefronts;
        counts.ideal += ideal;
    }

    // ---- loads, stores and atomics ----
    u8* globalData(const Instruction& instruction, i32 pc, u64 address, int size) {
        Allocation& last = lastAllocations[pc];
        if (address - last.begin >= last.size || address - last.begin + size > last.size) {
            Allocation allocation;
            if (!memory::find(address, allocation) || address - allocation.begin + size > allocation.size)
                outOfBounds(instruction, address, size, Global);
            last = allocation;
        }
        return (u8*)address;
    }

    // The sum of an address and a size can wrap; hence the two comparisons.
    u8* sharedData(const Instruction& instruction, u64 address, int size) {
        if (address > sharedBytes || address + size > sharedBytes)
            outOfBounds(instruction, address, size, Shared);
        return &shared[address];
    }

    u8* localData(const Instruction& instruction, u64 address, int size, u32 thread) {
        if (address > localBytes || address + size > localBytes)
            outOfBounds(instruction, address, size, Local);
        return &local[thread * localBytes + address];
    }

    static void loadElement(Type type, u8* values, int lane, const u8* data) {
        switch (type) {
        case B8:
        case U8: ((u32*)values)[lane] = *data; break;
        case S8: ((i32*)values)[lane] = (i8)*data; break;
        case B16:
        case U16:
        case F16: {
            u16 element;
            memcpy(&element, data, 2);
            ((u32*)values)[lane] = element;
            break;
        }
        case S16: {
            i16 element;
            memcpy(&element, data, 2);
            ((i32*)values)[lane] = element;
            break;
        }
        default:
            if (bytes(type) == 8)
                memcpy(&((u64*)values)[lane], data, 8);
            else
                memcpy(&((u32*)values)[lane], data, 4);
        }
    }

    // What loads or stores, and in which space.
    struct Accessor {
        const Warp& warp;
        const Instruction& instruction;
        i32 pc;
        Space space;
        int elementSize, size; // of an element of a vector, and of all
    };

    void loadLane(const Accessor& by, int lane, u32 thread, u64 address, const u8* data) {
        if (config.check) {
            if (by.space == Global)
                checkGlobal<false>(by.instruction, by.pc, address, by.size, thread, nullptr);
            else if (by.space == Shared)
                checkShared<false>(by.instruction, by.pc, address, by.size, thread, nullptr);
        }
        for (int i = 0; i < by.instruction.vectorLength; i++)
            loadElement(by.instruction.type, by.warp.values<u8>(by.instruction.destinations[i]), lane, data + i * by.elementSize);
    }

    void storeLane(const Accessor& by, int lane, u32 thread, u64 address, u8* data) {
        u8 value[32]; // for four values of eight bytes, although PTX has at most 16 bytes
        for (int i = 0; i < by.instruction.vectorLength; i++) {
            i32 slot = by.instruction.sources[i];
            if (by.elementSize == 8)
                memcpy(value + i * 8, &by.warp.values<u64>(slot)[lane], 8);
            else
                memcpy(value + i * by.elementSize, &by.warp.values<u32>(slot)[lane], by.elementSize);
        }
        if (config.check) {
            if (by.space == Global)
                checkGlobal<true>(by.instruction, by.pc, address, by.size, thread, value);
            else if (by.space == Shared)
                checkShared<true>(by.instruction, by.pc, address, by.size, thread, value);
        } else if (by.space == Global)
            for (int offset = 0; offset < by.size; offset += 4)
                *memory::initialisedMap(address + offset) = 1;
        memcpy(data, value, by.size);
    }

    template <bool Write>
    void access(const Warp& warp, const Instruction& instruction, i32 pc, u32 mask, Space space, const u64* addresses) {
        const int elementSize = bytes(instruction.type), size = elementSize * instruction.vectorLength;
        const Accessor by{warp, instruction, pc, space, elementSize, size};
        for (int lane = 0; lane < WarpSize; lane++)
            if (mask >> lane & 1) {
                u64 address = addresses[lane];
                u32 thread = warp.id * WarpSize + lane;
                if (address & (size - 1))
                    misaligned(instruction, address, size);
                u8* data = space == Global   ? globalData(instruction, pc, address, size)
                           : space == Shared ? sharedData(instruction, address, size)
                                             : localData(instruction, address, size, thread);
                if (Write)
                    storeLane(by, lane, thread, address, data);
                else
                    loadLane(by, lane, thread, address, data);
            }
        if (config.count) {
            if (space == Global)
                countGlobal(profile[pc], mask, addresses, size);
            else if (space == Shared)
                countShared(profile[pc], mask, addresses, size);
        }
    }

    // Generic addresses can lie in several spaces: they make one access of each space.
    template <bool Write> void accessGeneric(const Warp& warp, const Instruction& instruction, i32 pc, u32 mask, const u64* addresses) {
        for (Space space : {Global, Shared, Local}) {
            u32 inSpace = 0;
            for (int lane = 0; lane < WarpSize; lane++)
                inSpace |= (u32)(spaceOf(addresses[lane]) == space) << lane;
            inSpace &= mask;
            if (!inSpace)
                continue;
            u64 offsets[WarpSize];
            for (int lane = 0; lane < WarpSize; lane++)
                offsets[lane] = addresses[lane] - windowOf(space);
            access<Write>(warp, instruction, pc, inSpace, space, offsets);
            mask &= ~inSpace;
            if (!mask)
                return; // mostly after the first space
        }
    }

    template <bool Write> void access(const Warp& warp, const Instruction& instruction, i32 pc, u32 mask) {
        const u64* base = warp.values<u64>(Write ? instruction.destinations[0] : instruction.sources[0]);
        u64 addresses[WarpSize];
        for (int lane = 0; lane < WarpSize; lane++)
            addresses[lane] = base[lane] + instruction.offset;
        if (instruction.space == Generic)
            accessGeneric<Write>(warp, instruction, pc, mask, addresses);
        else
            access<Write>(warp, instruction, pc, mask, instruction.space == Const ? Global : instruction.space, addresses);
    }

    void fence(Warp& warp) const {
        learn(warp.learnt, warp.heard);
        warp.heard.clear();
        warp.knownAtFence = known;
        learn(warp.knownAtFence, warp.learnt);
        warp.knownAtFence.resize(grid.count());
        warp.knownAtFence[id] = epoch;
    }

    void tell(Warp& warp, const Instruction& instruction, u64 address) {
        Knowledge& word = told.words[address];
        learn(word, warp.knownAtFence);
        if (instruction.opcode == Atom)
            learn(warp.heard, word);
    }

    // Returns whether nothing has changed.
    template <class T> bool atomic(Warp& warp, const Instruction& instruction, i32 pc, u32 mask) {
        std::lock_guard<std::mutex> guard(told.lock);
        auto operation = (AtomicOperation)instruction.variant;
        bool isSame = true;
        for (int lane = 0; lane < WarpSize; lane++)
            if (mask >> lane & 1) {
                u64 address = warp.values<u64>(instruction.sources[0])[lane] + instruction.offset;
                bool isShared = instruction.space == Shared;
                if (instruction.space == Generic && spaceOf(address) == Shared) {
                    isShared = true;
                    address -= SharedWindow;
                }
                if (address & (sizeof(T) - 1))
                    misaligned(instruction, address, sizeof(T));
                T* data = (T*)(isShared ? sharedData(instruction, address, sizeof(T)) : globalData(instruction, pc, address, sizeof(T)));
                T value = warp.values<T>(instruction.sources[1])[lane], old = *data;
                T replacement = operation == AtomicCompareAndSwap ? warp.values<T>(instruction.sources[2])[lane] : T();
                *data = applyAtomic<T>(operation, old, value, replacement);
                isSame &= memcmp(data, &old, sizeof(T)) == 0;
                if (config.check && !isShared)
                    tell(warp, instruction, address);
                if (instruction.opcode == Atom)
                    warp.values<T>(instruction.destinations[0])[lane] = old;
            }
        return isSame;
    }

    // ---- arithmetic ----
    template <class T, class F> static void unary(const Warp& warp, const Instruction& instruction, u32 mask, F f) {
        using S = InSlot<T>;
        S* result = warp.values<S>(instruction.destinations[0]);
        const S* a = warp.values<S>(instruction.sources[0]);
        forLanes(mask, [&](int lane) { result[lane] = (S)(T)f((T)a[lane]); });
    }

    template <class T, class F> static void binary(const Warp& warp, const Instruction& instruction, u32 mask, F f) {
        using S = InSlot<T>;
        S* result = warp.values<S>(instruction.destinations[0]);
        const S* a = warp.values<S>(instruction.sources[0]);
        const S* b = warp.values<S>(instruction.sources[1]);
        forLanes(mask, [&](int lane) { result[lane] = (S)(T)f((T)a[lane], (T)b[lane]); });
    }

    template <class T> static void arithmetic(const Warp& warp, const Instruction& instruction, u32 mask) {
        bool nanCounts = instruction.nanCounts;
        switch (instruction.opcode) {
        case Add: binary<T>(warp, instruction, mask, [](T a, T b) { return add(a, b); }); break;
        case Sub: binary<T>(warp, instruction, mask, [](T a, T b) { return subtract(a, b); }); break;
        case Mul: binary<T>(warp, instruction, mask, [](T a, T b) { return multiply(a, b); }); break;
        case Div: binary<T>(warp, instruction, mask, [](T a, T b) { return divide(a, b); }); break;
        case Rem: binary<T>(warp, instruction, mask, [](T a, T b) { return remainder(a, b); }); break;
        case Min: binary<T>(warp, instruction, mask, [nanCounts](T a, T b) { return extreme<false>(a, b, nanCounts); }); break;
        case Max: binary<T>(warp, instruction, mask, [nanCounts](T a, T b) { return extreme<true>(a, b, nanCounts); }); break;
        case Neg: unary<T>(warp, instruction, mask, [](T a) { return negate(a); }); break;
        case Abs: unary<T>(warp, instruction, mask, [](T a) { return absolute(a); }); break;
        default: unsupported();
        }
    }

    template <class T> static void shift(const Warp& warp, const Instruction& instruction, u32 mask) {
        using S = InSlot<T>;
        S* result = warp.values<S>(instruction.destinations[0]);
        const S* a = warp.values<S>(instruction.sources[0]);
        const u32* count = warp.values<u32>(instruction.sources[1]);
        bool left = instruction.opcode == Shl;
        forLanes(mask, [&](int lane) {
            T value = (T)a[lane];
            result[lane] = (S)(left ? shiftLeft<T>(value, count[lane]) : shiftRight<T>(value, count[lane]));
        });
    }

    template <class T> static void multiplyAdd(const Warp& warp, const Instruction& instruction, u32 mask) {
        using S = InSlot<T>;
        S* result = warp.values<S>(instruction.destinations[0]);
        const S* a = warp.values<S>(instruction.sources[0]);
        const S* b = warp.values<S>(instruction.sources[1]);
        const S* c = warp.values<S>(instruction.sources[2]);
        forLanes(mask, [&](int lane) { result[lane] = (S)(T)((u64)a[lane] * (u64)b[lane] + (u64)c[lane]); });
    }

    template <class T> static void integerArithmetic(const Warp& warp, const Instruction& instruction, u32 mask) {
        switch (instruction.opcode) {
        case And: binary<T>(warp, instruction, mask, [](T a, T b) { return (T)(a & b); }); break;
        case Or: binary<T>(warp, instruction, mask, [](T a, T b) { return (T)(a | b); }); break;
        case Xor: binary<T>(warp, instruction, mask, [](T a, T b) { return (T)(a ^ b); }); break;
        case Not: unary<T>(warp, instruction, mask, [](T a) { return (T)~a; }); break;
        case Shl:
        case Shr: shift<T>(warp, instruction, mask); break;
        case Mad: multiplyAdd<T>(warp, instruction, mask); break;
        default: arithmetic<T>(warp, instruction, mask);
        }
    }

    [[gnu::always_inline]] static void integerArithmetic(const Warp& warp, const Instruction& instruction, u32 mask) {
        byType(instruction.type, [&](auto zero) {
            using T = decltype(zero);
            if constexpr (std::is_integral_v<T>)
                integerArithmetic<T>(warp, instruction, mask);
        });
    }

    template <class Narrow, class Wide> static void wideMultiply(const Warp& warp, const Instruction& instruction, u32 mask) {
        Wide* result = warp.values<Wide>(instruction.destinations[0]);
        const Narrow* a = warp.values<Narrow>(instruction.sources[0]);
        const Narrow* b = warp.values<Narrow>(instruction.sources[1]);
        const Wide* c = instruction.opcode == MadWide ? warp.values<Wide>(instruction.sources[2]) : nullptr;
        forLanes(mask, [&](int lane) { result[lane] = (Wide)((u64)(Wide)a[lane] * (u64)(Wide)b[lane] + (c ? (u64)c[lane] : 0)); });
    }

    static void highMultiply(const Warp& warp, const Instruction& instruction, u32 mask) {
        switch (instruction.type) {
        case U32: binary<u32>(warp, instruction, mask, [](u32 a, u32 b) { return (u32)((u64)a * b >> 32); }); break;
        case S32: binary<i32>(warp, instruction, mask, [](i32 a, i32 b) { return (i32)((i64)a * b >> 32); }); break;
        case U64: binary<u64>(warp, instruction, mask, [](u64 a, u64 b) { return (u64)((unsigned __int128)a * b >> 64); }); break;
        default: unsupported();
        }
    }

    static void fusedMultiplyAdd(const Warp& warp, const Instruction& instruction, u32 mask) {
        byPrecision(instruction.type, [&](auto zero) {
            using T = decltype(zero);
            T* result = warp.values<T>(instruction.destinations[0]);
            const T* a = warp.values<T>(instruction.sources[0]);
            const T* b = warp.values<T>(instruction.sources[1]);
            const T* c = warp.values<T>(instruction.sources[2]);
            T productSign = instruction.negateProduct ? -1 : 1, addendSign = instruction.negateAddend ? -1 : 1;
            forLanes(mask, [&](int lane) { result[lane] = std::fma(productSign * a[lane], b[lane], addendSign * c[lane]); });
        });
    }

    // Functions that hardware approximates, rounded correctly or nearly so.
    template <class F> static void specialFunction(const Warp& warp, const Instruction& instruction, u32 mask, F f) {
        byPrecision(instruction.type, [&](auto zero) {
            using T = decltype(zero);
            unary<T>(warp, instruction, mask, [&](T a) { return (T)f((double)a); });
        });
    }

    template <class T> static void compare(const Warp& warp, const Instruction& instruction, u32 mask) {
        using S = InSlot<T>;
        u32* result = warp.values<u32>(instruction.destinations[0]);
        const S* a = warp.values<S>(instruction.sources[0]);
        const S* b = warp.values<S>(instruction.sources[1]);
        const u8 comparison = instruction.variant;
        const bool nanCounts = instruction.nanCounts;
        u32 holds[WarpSize];
        auto compareBy = [&](auto relation) {
            for (int lane = 0; lane < WarpSize; lane++) {
                T x = (T)a[lane], y = (T)b[lane];
                holds[lane] = relation(x, y);
                if constexpr (std::is_floating_point_v<T>) {
                    bool isNaN = x != x || y != y;
                    if (comparison == BothNumbers)
                        holds[lane] = !isNaN;
                    else if (comparison == AnyNaN)
                        holds[lane] = isNaN;
                    else if (isNaN)
                        holds[lane] = nanCounts;
                }
            }
        };
        switch (comparison) {
        case Equal: compareBy([](T x, T y) { return x == y; }); break;
        case NotEqual: compareBy([](T x, T y) { return x != y; }); break;
        case Less: compareBy([](T x, T y) { return x < y; }); break;
        case LessOrEqual: compareBy([](T x, T y) { return x <= y; }); break;
        case Greater: compareBy([](T x, T y) { return x > y; }); break;
        default: compareBy([](T x, T y) { return x >= y; });
        }
        if (instruction.joining != JoinNothing) {
            const u32* other = warp.values<u32>(instruction.sources[2]);
            for (int lane = 0; lane < WarpSize; lane++)
                holds[lane] = instruction.joining == JoinAnd  ? holds[lane] & other[lane]
                              : instruction.joining == JoinOr ? holds[lane] | other[lane]
                                                              : holds[lane] ^ other[lane];
        }
        forLanes(mask, [&](int lane) { result[lane] = holds[lane]; });
    }

    static void convert(const Warp& warp, const Instruction& instruction, u32 mask) {
        const Type to = instruction.type, from = instruction.sourceType;
        const u8* source = warp.values<u8>(instruction.sources[0]);
        const bool isWideSource = bytes(from) == 8;
        // To an integer, a conversion without a rounding cuts.
        const Rounding rounding = !isFloat(to) && instruction.rounding == NotWhole ? TowardsZero : instruction.rounding;
        byWidth(to, [&](auto zero) {
            using T = decltype(zero);
            T* result = warp.values<T>(instruction.destinations[0]);
            forLanes(mask, [&](int lane) {
                if (isFloat(from)) {
                    double value = roundToWhole(realOf(from, source, lane), rounding);
                    result[lane] = (T)(isFloat(to) ? bitsOf(value, to) : wholeToInteger(value, to));
                } else {
                    u64 value = extend(isWideSource ? ((const u64*)source)[lane] : ((const u32*)source)[lane], from);
                    result[lane] = (T)(isFloat(to) ? integerToReal(value, isSigned(from), to) : extend(value, to));
                }
            });
        });
    }

    // ---- other instructions ----
    static void move(const Warp& warp, const Instruction& instruction, u32 mask) {
        byWidth(instruction.type, [&](auto zero) {
            using T = decltype(zero);
            T* result = warp.values<T>(instruction.destinations[0]);
            const T* a = warp.values<T>(instruction.sources[0]);
            forLanes(mask, [&](int lane) { result[lane] = a[lane]; });
        });
    }

    static void select(const Warp& warp, const Instruction& instruction, u32 mask) {
        const u32* condition = warp.values<u32>(instruction.sources[2]);
        byWidth(instruction.type, [&](auto zero) {
            using T = decltype(zero);
            T* result = warp.values<T>(instruction.destinations[0]);
            const T* a = warp.values<T>(instruction.sources[0]);
            const T* b = warp.values<T>(instruction.sources[1]);
            forLanes(mask, [&](int lane) { result[lane] = condition[lane] ? a[lane] : b[lane]; });
        });
    }

    template <class F> static void countBits(const Warp& warp, const Instruction& instruction, u32 mask, F f) {
        u32* result = warp.values<u32>(instruction.destinations[0]);
        byWidth(instruction.type, [&](auto zero) {
            const auto* a = warp.values<decltype(zero)>(instruction.sources[0]);
            forLanes(mask, [&](int lane) { result[lane] = f(a[lane]); });
        });
    }

    static int leadingZeros(u32 value) { return value ? __builtin_clz(value) : 32; }
    static int leadingZeros(u64 value) { return value ? __builtin_clzll(value) : 64; }

    static void testNumber(const Warp& warp, const Instruction& instruction, u32 mask) {
        u32* result = warp.values<u32>(instruction.destinations[0]);
        const u8* source = warp.values<u8>(instruction.sources[0]);
        forLanes(mask, [&](int lane) {
            double value = realOf(instruction.type, source, lane);
            result[lane] = instruction.variant == IsFinite     ? std::isfinite(value)
                           : instruction.variant == IsInfinite ? std::isinf(value)
                                                               : std::isnan(value);
        });
    }

    void loadKernelParameter(const Warp& warp, const Instruction& instruction, u32 mask) const {
        u64 value = 0;
        memcpy(&value, parameters + instruction.offset, bytes(instruction.type));
        if (isSigned(instruction.type))
            value = extend(value, instruction.type);
        byWidth(instruction.type, [&](auto zero) {
            using T = decltype(zero);
            T* result = warp.values<T>(instruction.destinations[0]);
            forLanes(mask, [&](int lane) { result[lane] = (T)value; });
        });
    }

    // Parameters of functions are slots: eight bytes lie in two of them, which unlike a register's are apart, and less in a part of one.
    static u32 parameterMask(Type type) { return bytes(type) == 4 ? ~0u : bytes(type) == 2 ? 0xffff : 0xff; }

    static void loadParameter(const Warp& warp, const Instruction& instruction, u32 mask) {
        const u32* low = warp.values<u32>(instruction.sources[0]);
        if (bytes(instruction.type) == 8) {
            const u32* high = warp.values<u32>(instruction.sources[0] + 1);
            u64* result = warp.values<u64>(instruction.destinations[0]);
            forLanes(mask, [&](int lane) { result[lane] = low[lane] | (u64)high[lane] << 32; });
        } else {
            u32* result = warp.values<u32>(instruction.destinations[0]);
            u32 shift = (u32)instruction.offset * 8, valueMask = parameterMask(instruction.type);
            forLanes(mask, [&](int lane) { result[lane] = low[lane] >> shift & valueMask; });
        }
    }

    static void storeParameter(const Warp& warp, const Instruction& instruction, u32 mask) {
        u32* low = warp.values<u32>(instruction.destinations[0]);
        if (bytes(instruction.type) == 8) {
            u32* high = warp.values<u32>(instruction.destinations[0] + 1);
            const u64* value = warp.values<u64>(instruction.sources[0]);
            forLanes(mask, [&](int lane) {
                low[lane] = (u32)value[lane];
                high[lane] = (u32)(value[lane] >> 32);
            });
        } else {
            const u32* value = warp.values<u32>(instruction.sources[0]);
            u32 shift = (u32)instruction.offset * 8, valueMask = parameterMask(instruction.type) << shift;
            forLanes(mask, [&](int lane) { low[lane] = (low[lane] & ~valueMask) | (value[lane] << shift & valueMask); });
        }
    }

    static void convertAddress(const Warp& warp, const Instruction& instruction, u32 mask) {
        u64 window = windowOf(instruction.space);
        u64 difference = instruction.opcode == CvtaTo ? 0 - window : window;
        u64* result = warp.values<u64>(instruction.destinations[0]);
        const u64* a = warp.values<u64>(instruction.sources[0]);
        forLanes(mask, [&](int lane) { result[lane] = a[lane] + difference; });
    }

    // The PTX manual's shfl.sync: the last operand has the bounds of the segment in its low bits, and the segments' mask above them.
    void shuffle(const Warp& warp, const Instruction& instruction, u32 mask) const {
        if (mask != warp.live)
            report("shuffle of a divided warp", instruction.line, 0, "mask %08x", mask);
        u32* result = warp.values<u32>(instruction.destinations[0]);
        const u32* value = warp.values<u32>(instruction.sources[0]);
        const u32* by = warp.values<u32>(instruction.sources[1]);
        const u32* bounds = warp.values<u32>(instruction.sources[2]);
        u32 shuffled[WarpSize];
        for (int lane = 0; lane < WarpSize; lane++)
            if (mask >> lane & 1) {
                u32 segmentMask = bounds[lane] >> 8 & 31, clamp = bounds[lane] & 31;
                int minLane = lane & segmentMask, maxLane = minLane | (clamp & ~segmentMask);
                int distance = by[lane] & 31, from;
                switch (instruction.variant) {
                case ShuffleUp: from = lane - distance; break;
                case ShuffleDown: from = lane + distance; break;
                case ShuffleButterfly: from = lane ^ distance; break;
                default: from = minLane | (distance & ~segmentMask);
                }
                bool isInside = instruction.variant == ShuffleUp ? from >= maxLane : from <= maxLane;
                shuffled[lane] = value[isInside ? from & 31 : lane];
            }
        // The result's register can be the value's, too.
        forLanes(mask, [&](int lane) { result[lane] = shuffled[lane]; });
    }

    void execute(Warp& warp, const Instruction& instruction, i32 pc, u32 mask) {
        switch (instruction.opcode) {
        case Nop:
        case WarpSync: break;
        case Membar:
            if (config.check && instruction.variant == FenceOfDevice)
                fence(warp);
            break;
        case Mov: move(warp, instruction, mask); break;
        case LoadKernelParameter: loadKernelParameter(warp, instruction, mask); break;
        case LoadParameter: loadParameter(warp, instruction, mask); break;
        case StoreParameter: storeParameter(warp, instruction, mask); break;
        case Ld: access<false>(warp, instruction, pc, mask); break;
        case St: access<true>(warp, instruction, pc, mask); break;
        case Atom:
        case Red:
            byType(instruction.type, [&](auto zero) {
                using T = decltype(zero);
                if constexpr (sizeof(T) >= 4)
                    warp.polls = atomic<T>(warp, instruction, pc, mask) && instruction.opcode == Atom;
            });
            break;
        case CvtaTo:
        case CvtaFrom: convertAddress(warp, instruction, mask); break;
        case Add:
        case Sub:
        case Mul:
        case Div:
        case Rem:
        case Min:
        case Max:
        case Neg:
        case Abs:
        case And:
        case Or:
        case Xor:
        case Shl:
        case Shr:
        case Mad:
            if (instruction.type == F32)
                arithmetic<float>(warp, instruction, mask);
            else if (instruction.type == F64)
                arithmetic<double>(warp, instruction, mask);
            else
                integerArithmetic(warp, instruction, mask);
            break;
        case Not:
            if (instruction.type == Pred)
                unary<u32>(warp, instruction, mask, [](u32 a) { return !a; });
            else
                integerArithmetic(warp, instruction, mask);
            break;
        case Fma: fusedMultiplyAdd(warp, instruction, mask); break;
        case MulWide:
        case MadWide:
            if (instruction.type == U32)
                wideMultiply<u32, u64>(warp, instruction, mask);
            else if (instruction.type == S32)
                wideMultiply<i32, i64>(warp, instruction, mask);
            else
                unsupported();
            break;
        case MulHi: highMultiply(warp, instruction, mask); break;
        case Popc: countBits(warp, instruction, mask, [](u64 a) { return __builtin_popcountll(a); }); break;
        case Clz: countBits(warp, instruction, mask, [](auto a) { return leadingZeros(a); }); break;
        // Square roots and reciprocals of floats are not taken by way of a double, which would be slower.
        case Sqrt:
            byPrecision(instruction.type, [&](auto zero) {
                using T = decltype(zero);
                unary<T>(warp, instruction, mask, [](T a) { return std::sqrt(a); });
            });
            break;
        case Rcp:
            byPrecision(instruction.type, [&](auto zero) {
                using T = decltype(zero);
                unary<T>(warp, instruction, mask, [](T a) { return 1 / a; });
            });
            break;
        case Rsqrt: specialFunction(warp, instruction, mask, [](double a) { return 1 / std::sqrt(a); }); break;
        case Ex2: specialFunction(warp, instruction, mask, [](double a) { return std::exp2(a); }); break;
        case Lg2: specialFunction(warp, instruction, mask, [](double a) { return std::log2(a); }); break;
        case Sin: specialFunction(warp, instruction, mask, [](double a) { return std::sin(a); }); break;
        case Cos: specialFunction(warp, instruction, mask, [](double a) { return std::cos(a); }); break;
        case Tanh: specialFunction(warp, instruction, mask, [](double a) { return approximateTanh(a); }); break;
        case CopySign:
            // PTX has the sign's operand first.
            byPrecision(instruction.type, [&](auto zero) {
                using T = decltype(zero);
                binary<T>(warp, instruction, mask, [](T sign, T magnitude) { return std::copysign(magnitude, sign); });
            });
            break;
        case TestP: testNumber(warp, instruction, mask); break;
        case Setp: byType(instruction.type, [&](auto zero) { compare<decltype(zero)>(warp, instruction, mask); }); break;
        case Selp: select(warp, instruction, mask); break;
        case Cvt: convert(warp, instruction, mask); break;
        case Shfl: shuffle(warp, instruction, mask); break;
        case Trap: report("trap", instruction.line, 0, "-"); throw Fault{LaunchFailed};
        default: unsupported();
        }
    }

    // ---- control ----
    static u32 predicateMask(const Warp& warp, i32 slot) {
        const u32* predicate = warp.values<u32>(slot);
        u32 mask = 0;
        for (int lane = 0; lane < WarpSize; lane++)
            mask |= (u32)(predicate[lane] != 0) << lane;
        return mask;
    }

    void count(Warp& warp, const Instruction& instruction, i32 pc, u32 mask) {
        profile[pc].issues++;
        profile[pc].lanes += __builtin_popcount(mask);
        warp.issues++;
        if (++issues > hangLimit) {
            report("hang", instruction.line, 0, "block %u ran %llu warp instructions", id, issues);
            throw Fault{LaunchTimeout};
        }
    }

    struct Way {
        u32 mask;
        i32 pc;
    };

    // Parts the lanes of the running path, which goes on where they meet again.
    template <class Ways> static void part(Warp& warp, i32 join, const Ways& ways) {
        Path& path = warp.paths.back();
        i32 depth = path.depth;
        if (join >= 0)
            path.pc = join;
        else
            warp.paths.pop_back();
        for (const Way& way : ways)
            if (way.pc != join)
                warp.paths.push_back({way.mask, way.pc, depth, join});
    }

    // Returns the next instruction, or -1 if the lanes part.
    i32 indexedBranch(Warp& warp, const Instruction& instruction, u32 mask) const {
        const std::vector<i32>& targets = module.branchTables[instruction.target];
        const u32* index = warp.values<u32>(instruction.sources[0]);
        std::map<i32, u32> masks; // of the lanes that go to an instruction
        for (int lane = 0; lane < WarpSize; lane++)
            if (mask >> lane & 1) {
                if (index[lane] >= targets.size()) {
                    report("branch index out of range", instruction.line, 0, "%u", index[lane]);
                    throw Fault{IllegalInstruction};
                }
                masks[targets[index[lane]]] |= 1u << lane;
            }
        if (masks.size() == 1)
            return masks.begin()->first;
        std::vector<Way> ways;
        for (auto& [pc, lanes] : masks)
            ways.push_back({lanes, pc});
        part(warp, instruction.join, ways);
        return -1;
    }

    void call(Warp& warp, const Instruction& instruction, i32 pc, u32 mask) const {
        i32 depth = warp.paths.back().depth + 1;
        if (depth >= MaxCallDepth) {
            report("call depth", instruction.line, 0, "-");
            throw Fault{LaunchFailed};
        }
        warp.paths.back().pc = pc + 1;
        warp.paths.push_back({mask, instruction.target, depth, -1});
    }

    // Takes lanes out of the paths of the function, or of all when they end. Paths without lanes go away when their turn comes.
    static void returnFrom(Warp& warp, const Instruction& instruction, i32 pc, u32 mask) {
        i32 depth = warp.paths.back().depth;
        bool ends = depth == 0 || instruction.variant == FromKernel;
        if (ends)
            warp.live &= ~mask;
        for (Path& path : warp.paths)
            if (ends || path.depth == depth)
                path.mask &= ~mask;
        warp.paths.back().pc = pc + 1;
    }

    void wait(Warp& warp, const Instruction& instruction, i32 pc, u32 mask) const {
        if (mask != warp.live) {
            report("divergent barrier", instruction.line, 0, "mask %08x of %08x, block %u warp %d", mask, warp.live, id, warp.id);
            throw Fault{LaunchFailed};
        }
        warp.paths.back().pc = pc;
        warp.waits = true;
    }

    // Runs the warp's last path until it ends, parts, calls, returns or waits.
    void runPath(Warp& warp) {
        const Path path = warp.paths.back();
        i32 pc = path.pc;
        do {
            const Instruction& instruction = code[pc];
            u32 mask = path.mask;
            if (instruction.guard >= 0) {
                u32 guard = predicateMask(warp, instruction.guard);
                mask &= instruction.guardNegated ? ~guard : guard;
            }
            if (counts(instruction.instructionClass))
                count(warp, instruction, pc, instruction.opcode == Bra ? path.mask : mask);
            switch (instruction.opcode) {
            case Bra:
                if (mask == path.mask)
                    pc = instruction.target;
                else if (mask == 0)
                    pc++;
                else {
                    if (instruction.uniform)
                        report("divergent branch marked .uni", instruction.line, 0, "mask %08x of %08x", mask, path.mask);
                    Way ways[] = {{path.mask & ~mask, pc + 1}, {mask, instruction.target}};
                    return part(warp, instruction.join, ways);
                }
                break;
            case Brx:
                pc = indexedBranch(warp, instruction, path.mask);
                if (pc < 0)
                    return;
                break;
            case Call:
                if (mask)
                    return call(warp, instruction, pc, mask);
                pc++;
                break;
            case Ret:
                if (mask)
                    return returnFrom(warp, instruction, pc, mask);
                pc++;
                break;
            case Bar:
            case BarRed: return wait(warp, instruction, pc, mask);
            default:
                if (mask)
                    execute(warp, instruction, pc, mask);
                pc++;
            }
        } while (pc != path.join && !warp.polls);
        warp.paths.back().pc = pc;
    }

    // Runs a warp to its next barrier, to a poll, or to its end.
    void runWarp(Warp& warp) {
        warp.polls = false;
        while (!warp.waits && !warp.polls && !warp.paths.empty()) {
            const Path& path = warp.paths.back();
            if (path.mask == 0 || path.pc == path.join)
                warp.paths.pop_back();
            else
                runPath(warp);
        }
    }

    void reduce(const Instruction& barrier, u32 live) {
        u32 votes = 0;
        for (Warp& warp : warps)
            if (warp.waits)
                votes += __builtin_popcount(predicateMask(warp, barrier.sources[0]) & warp.live);
        u32 result = barrier.variant == ReduceCount ? votes : barrier.variant == ReduceAnd ? votes == live : votes > 0;
        for (Warp& warp : warps)
            if (warp.waits) {
                u32* values = warp.values<u32>(barrier.destinations[0]);
                forLanes(warp.live, [&](int lane) { values[lane] = result; });
            }
    }

    // Lets the warps that wait go on. False if none waits, which means that all have ended.
    bool passBarrier() {
        u32 live = 0;
        i32 first = -1, other = -1; // instructions at which warps wait
        for (Warp& warp : warps) {
            live += __builtin_popcount(warp.live);
            if (!warp.waits)
                continue;
            i32 pc = warp.paths.back().pc;
            if (first < 0)
                first = pc;
            else if (pc != first)
                other = pc;
        }
        if (first < 0)
            return false;
        const Instruction& barrier = code[first];
        if (other >= 0)
            report("threads wait at different barriers", barrier.line, lineOf(other), "block %u", id);
        if (live < threads)
            report("barrier after some threads have ended", barrier.line, 0, "block %u, %u of %u live", id, live, threads);
        if (barrier.opcode == BarRed)
            reduce(barrier, live);
        for (Warp& warp : warps)
            if (warp.waits) {
                warp.waits = false;
                warp.paths.back().pc++;
                learn(known, warp.learnt);
            }
        epoch++;
        barriers++;
        return true;
    }

    // ---- beginnings ----
    void fillConstants(Warp& warp) const {
        for (const Constant& constant : module.constants)
            if (constant.size == 8)
                std::fill_n(warp.values<u64>(constant.slot), WarpSize, constant.value);
            else
                std::fill_n(warp.values<u32>(constant.slot), WarpSize, (u32)constant.value);
    }

    void fillSpecialRegisters(Warp& warp) const {
        for (int lane = 0; lane < WarpSize; lane++) {
            u32 thread = warp.id * WarpSize + lane;
            u32 values[SpecialRegisterCount];
            values[TidX] = thread % block.x;
            values[TidY] = thread / block.x % block.y;
            values[TidZ] = thread / block.x / block.y;
            values[NtidX] = block.x;
            values[NtidY] = block.y;
            values[NtidZ] = block.z;
            values[CtaidX] = id % grid.x;
            values[CtaidY] = id / grid.x % grid.y;
            values[CtaidZ] = id / grid.x / grid.y;
            values[NctaidX] = grid.x;
            values[NctaidY] = grid.y;
            values[NctaidZ] = grid.z;
            values[LaneId] = lane;
            values[DynamicSharedSize] = dynamicSharedBytes;
            values[WarpId] = warp.id;
            for (int i = 0; i < SpecialRegisterCount; i++)
                warp.values<u32>(module.specialRegisters[i])[lane] = values[i];
        }
    }

public:
    std::vector<Warp> warps;
    u64 barriers = 0; // that the block has passed so far

    Block(const Kernel& kernel, const u8* parameters, u32 launchId, Dimensions grid, Dimensions block, u32 dynamicSharedBytes,
          LineProfile* profile, Told& told)
        : kernel(kernel), module(*kernel.module), code(module.code.data()), parameters(parameters), grid(grid), block(block),
          threads(block.count()), launchId(launchId), dynamicSharedBytes(dynamicSharedBytes),
          sharedBytes(kernel.function->sharedBytes + dynamicSharedBytes), localBytes(kernel.function->localBytes), profile(profile),
          told(told) {
        constexpr size_t Alignment = 64; // for vector instructions
        auto aligned = [](size_t size) { return (size + Alignment - 1) / Alignment * Alignment; };
        int warpCount = (threads + WarpSize - 1) / WarpSize;
        size_t warpBytes = aligned((size_t)module.slots * SlotBytes + 256);
        registers.assign(warpBytes * warpCount + Alignment, 0xcd);
        u8* base = (u8*)aligned((size_t)registers.data());
        shared.resize(sharedBytes + 16);
        sharedShadows.resize(sharedBytes / 4 + 4);
        local.resize(localBytes * threads);
        lastAllocations.assign(module.code.size(), {0, 0});
        warps.resize(warpCount);
        for (int i = 0; i < warpCount; i++) {
            warps[i].registers = base + i * warpBytes;
            warps[i].id = i;
            u32 lanes = std::min<u32>(WarpSize, threads - i * WarpSize);
            warps[i].all = lanes == WarpSize ? AllLanes : (1u << lanes) - 1;
            fillConstants(warps[i]);
        }
    }

    // Begins the block with this number. One object can run many, one after the other.
    void start(u32 number) {
        id = number;
        epoch = 1;
        issues = barriers = 0;
        known.clear();
        memset(shared.data(), 0xff, shared.size());
        memset(sharedShadows.data(), 0, sharedShadows.size() * sizeof(SharedShadow));
        for (Warp& warp : warps) {
            warp.live = warp.all;
            warp.issues = 0;
            warp.paths.assign(1, {warp.all, kernel.function->start, 0, -1});
            warp.waits = false;
            warp.knownAtFence.clear();
            warp.heard.clear();
            warp.learnt.clear();
            fillSpecialRegisters(warp);
        }
    }

    // Runs the block to its end, or until a warp polls and the others wait. Returns whether it has ended.
    bool goOn() {
        do {
            bool polls = false;
            for (Warp& warp : warps) {
                runWarp(warp);
                polls |= warp.polls;
            }
            if (polls)
                return false;
        } while (passBarrier());
        return true;
    }
};

// Runs the blocks that `next` numbers, which says no where there is no room for another one now, until it is over. Blocks that poll stay and
// take turns.
template <class Create, class Next, class Ended, class IsOver> void runBlocks(Create create, Next next, Ended ended, IsOver isOver) {
    std::vector<std::unique_ptr<Block>> waiting, idle;
    auto goOn = [&](std::unique_ptr<Block>& block) {
        bool ends = block->goOn();
        if (ends)
            ended(*block);
        (ends ? idle : waiting).push_back(std::move(block));
    };
    do {
        for (u32 number; next(number);) {
            std::unique_ptr<Block> block = idle.empty() ? create() : std::move(idle.back());
            if (!idle.empty())
                idle.pop_back();
            block->start(number);
            goOn(block);
        }
        for (auto& block : std::exchange(waiting, {}))
            goOn(block);
    } while (!isOver(waiting.empty()));
}

void raiseTo(std::atomic<u64>& most, u64 value) {
    u64 known = most;
    while (value > known && !most.compare_exchange_weak(known, value)) {
    }
}

std::atomic<u32> launches{0};
} // namespace

Result launch(const Kernel& kernel, Dimensions grid, Dimensions block, u32 dynamicSharedBytes, const u8* parameters) {
    auto began = std::chrono::steady_clock::now();
    const u32 id = ++launches, blocks = grid.count();
    const size_t instructions = kernel.module->code.size();
    const int workers = std::max(1, std::min(config.threads, (int)blocks));
    std::vector<std::vector<LineProfile>> profiles(workers, std::vector<LineProfile>(instructions));
    std::atomic<u32> next{0};
    std::atomic<Result> result{Success};
    std::atomic<u64> longest{0}, barriers{0};
    Told told;
    const int most = config.resident > 0 ? config.resident : config.multiprocessors * blocksOfMultiprocessor(block.count());
    std::atomic<int> resident{0};
    auto begin = [&](u32& number) {
        if (result != Success || next >= blocks)
            return false;
        bool hasRoom = ++resident <= most;
        if (hasRoom && (number = next++) < blocks)
            return true;
        resident--;
        return false;
    };
    auto work = [&](int worker) {
        try {
            runBlocks(
                [&] {
                    return std::make_unique<Block>(kernel, parameters, id, grid, block, dynamicSharedBytes, profiles[worker].data(), told);
                },
                begin,
                [&](const Block& ended) {
                    resident--;
                    barriers += ended.barriers;
                    for (const Warp& warp : ended.warps)
                        raiseTo(longest, warp.issues);
                },
                [&](bool noneWaits) { return result != Success || (noneWaits && next >= blocks); });
        } catch (const Fault& fault) {
            Result none = Success;
            result.compare_exchange_strong(none, fault.result);
        }
    };
    std::vector<std::thread> others;
    for (int worker = 1; worker < workers; worker++)
        others.emplace_back(work, worker);
    work(0);
    for (auto& thread : others)
        thread.join();

    KernelStats& stats = *kernel.stats;
    stats.launches++;
    stats.blocks += blocks;
    stats.profile.resize(instructions);
    for (auto& profile : profiles)
        for (size_t i = 0; i < instructions; i++)
            stats.profile[i].add(profile[i]);
    char shape[96];
    snprintf(shape, sizeof shape, "%u,%u,%u x %u,%u,%u", grid.x, grid.y, grid.z, block.x, block.y, block.z);
    stats.shapes[shape]++;
    stats.maxWarpIssues = std::max(stats.maxWarpIssues, longest.load());
    stats.sumMaxWarpIssues += longest;
    stats.barriers += barriers;
    stats.seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    return result;
}
