// PTX as ILGPU 1.5.3 emits it, decoded into an array of instructions over registers of 32 lanes.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

using u8 = uint8_t;
using u16 = uint16_t;
using u32 = uint32_t;
using u64 = unsigned long long; // not uint64_t, which printf does not take for %llu
using i8 = int8_t;
using i16 = int16_t;
using i32 = int32_t;
using i64 = long long;

constexpr int WarpSize = 32;
constexpr u32 AllLanes = ~0u;
// A register lies in a slot, which has four bytes for every lane. One of 64 bits takes two slots in a row, the first of them even.
constexpr int SlotBytes = WarpSize * 4;

enum Type : u8 { NoType, Pred, B8, S8, U8, B16, S16, U16, B32, S32, U32, B64, S64, U64, F16, F32, F64 };

inline int bytes(Type type) {
    switch (type) {
    case B8:
    case S8:
    case U8: return 1;
    case B16:
    case S16:
    case U16:
    case F16: return 2;
    case B64:
    case S64:
    case U64:
    case F64: return 8;
    default: return 4;
    }
}

inline bool isSigned(Type type) {
    return type == S8 || type == S16 || type == S32 || type == S64;
}

inline bool isFloat(Type type) {
    return type == F16 || type == F32 || type == F64;
}

enum Opcode : u8 {
    Nop,
    Mov,
    Add,
    Sub,
    Mul,
    MulHi,
    MulWide,
    Mad,
    MadWide,
    MadHi,
    Fma,
    Div,
    Rem,
    Min,
    Max,
    And,
    Or,
    Xor,
    Not,
    Neg,
    Abs,
    Shl,
    Shr,
    Popc,
    Clz,
    Sqrt,
    Rsqrt,
    Rcp,
    Ex2,
    Lg2,
    Sin,
    Cos,
    Tanh,
    CopySign,
    TestP,
    Setp,
    Selp,
    Cvt,
    CvtaTo,
    CvtaFrom,
    Ld,
    St,
    LoadParameter,
    StoreParameter,
    LoadKernelParameter,
    Atom,
    Red,
    Bra,
    Brx,
    Call,
    Ret,
    Bar,
    BarRed,
    WarpSync,
    Shfl,
    Membar,
    Trap
};

enum Space : u8 { Generic, Global, Shared, Local, Const };

// What Instruction::variant holds, for the opcodes that have variants.
enum Comparison : u8 { Equal, NotEqual, Less, LessOrEqual, Greater, GreaterOrEqual, BothNumbers, AnyNaN }; // Setp
enum AtomicOperation : u8 {
    AtomicAdd,
    AtomicAnd,
    AtomicOr,
    AtomicXor,
    AtomicMax,
    AtomicMin,
    AtomicExchange,
    AtomicCompareAndSwap
};                                                                                // Atom, Red
enum NumberTest : u8 { IsFinite, IsInfinite, IsNaN };                             // TestP
enum ShuffleMode : u8 { ShuffleIndex, ShuffleDown, ShuffleUp, ShuffleButterfly }; // Shfl
enum BarrierReduction : u8 { ReduceCount, ReduceAnd, ReduceOr };                  // BarRed
enum ReturnKind : u8 { FromFunction, FromKernel };                                // Ret
enum FenceScope : u8 { FenceOfBlock, FenceOfDevice };                             // Membar

// Cvt's rounding to whole numbers. NotWhole is every other one.
enum Rounding : u8 { NotWhole, TowardsZero, ToNearest, Down, Up };

// How Setp joins what it compares with a third operand.
enum Joining : u8 { JoinNothing, JoinAnd, JoinOr, JoinXor };

// What the statistics count instructions as.
enum InstructionClass : u8 {
    ClassNone,
    ClassFma,
    ClassFloat,
    ClassSpecial,
    ClassInteger,
    ClassMove,
    ClassConvert,
    ClassSet,
    ClassLoadGlobal,
    ClassStoreGlobal,
    ClassLoadShared,
    ClassStoreShared,
    ClassLoadLocal,
    ClassStoreLocal,
    ClassAtomic,
    ClassBranch,
    ClassBarrier,
    ClassCall,
    ClassParameter,
    ClassCount
};
extern const char* const ClassNames[ClassCount];

// Hardware has no instructions for what was fused, nor for parameters, which lie in registers or in constant memory.
inline bool counts(InstructionClass instructionClass) {
    return instructionClass != ClassNone && instructionClass != ClassParameter;
}

// Generic addresses of shared and of local memory begin here, and those of global memory lie below.
constexpr u64 SharedWindow = 0x0100'0000'0000'0000, LocalWindow = 0x0200'0000'0000'0000;

struct Instruction {
    Opcode opcode = Nop;
    Type type = NoType, sourceType = NoType; // sourceType is for Cvt
    Space space = Generic;
    u8 variant = 0, vectorLength = 1;
    InstructionClass instructionClass = ClassNone;
    bool nanCounts = false; // Setp: a comparison with a NaN holds; Min, Max: a NaN is the result
    bool negateProduct = false, negateAddend = false;
    bool synchronised = false; // a volatile access or one with an order, which cannot race
    bool uniform = false;
    bool guardNegated = false;
    Rounding rounding = NotWhole;
    Joining joining = JoinNothing;
    i32 guard = -1;                         // the predicate's slot
    i32 join = -1;                          // where the ways of a branch meet again; -1 where the function ends
    i32 destinations[4] = {-1, -1, -1, -1}; // slots; St has its address here
    i32 sources[4] = {-1, -1, -1, -1};      // slots
    i64 offset = 0;                         // from an address, or within a parameter
    i32 target = -1;                        // an instruction; Brx: a branch table
    u32 line = 0;
};

struct Constant {
    i32 slot;
    u64 value;
    int size;
};

// A kernel's parameters have offsets in the launch's parameters, those of other functions have slots.
struct Parameter {
    std::string name;
    i32 slot = -1;
    int offset = 0, size = 0;
    bool ofKernel = false;
};

struct Function {
    std::string name;
    bool isKernel = false;
    int start = -1, end = -1; // instructions; -1 without a body
    std::vector<Parameter> parameters;
    Parameter result;
    bool hasResult = false;
    int parameterBytes = 0, maxThreads = 0, sharedBytes = 0, localBytes = 0;

    int length() const { return end - start; }
};

enum SpecialRegister {
    TidX,
    TidY,
    TidZ,
    NtidX,
    NtidY,
    NtidZ,
    CtaidX,
    CtaidY,
    CtaidZ,
    NctaidX,
    NctaidY,
    NctaidZ,
    LaneId,
    DynamicSharedSize,
    WarpId,
    SpecialRegisterCount
};

struct Module {
    std::string text, error, target, version;
    int isaMajor = 0, isaMinor = 0, computeCapability = 0;
    std::vector<std::string> lines;
    std::vector<Instruction> code;
    std::vector<Function> functions;
    std::map<std::string, int> functionIndices;
    std::vector<Constant> constants;
    std::vector<std::vector<i32>> branchTables;
    int slots = 0;
    int fused = 0;                              // products and sums that became one instruction
    i32 specialRegisters[SpecialRegisterCount]; // slots
    std::map<std::string, u64> symbols;

    bool parse(const char* text, bool fuse);

    // The name that tells a module from others, since ILGPU calls every kernel Kernel_Run.
    std::string label() const;
};
