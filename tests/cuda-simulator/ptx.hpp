// PTX as ILGPU 1.5.3 emits it, decoded into an array of instructions over 32-lane registers.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

using u8 = uint8_t;
using u16 = uint16_t;
using u32 = uint32_t;
using u64 = uint64_t;
using i8 = int8_t;
using i16 = int16_t;
using i32 = int32_t;
using i64 = int64_t;

enum Ty : u8 { TNone, Pred, B8, S8, U8, B16, S16, U16, B32, S32, U32, B64, S64, U64, F16, F32, F64 };
inline int bytes(Ty t) {
    switch (t) {
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
inline bool isSigned(Ty t) {
    return t == S8 || t == S16 || t == S32 || t == S64;
}
inline bool isFloat(Ty t) {
    return t == F16 || t == F32 || t == F64;
}

enum Op : u8 {
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
    LdParam,
    StParam,
    LdKernel,
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
enum Space : u8 { Generic, Global, Shared, Local, Param, Const };
enum Cmp : u8 { Eq, Ne, Lt, Le, Gt, Ge, Num, Nan };
enum AtomOp : u8 { AAdd, AAnd, AOr, AXor, AMax, AMin, AExch, ACas, AInc, ADec };
enum Class : u8 {
    CNone,
    CFma,
    CFp,
    CSfu,
    CInt,
    CMov,
    CCvt,
    CSet,
    CLdG,
    CStG,
    CLdS,
    CStS,
    CLdL,
    CStL,
    CAtom,
    CBra,
    CBar,
    CCall,
    CParam,
    CCount
};
extern const char* const ClassNames[CCount];

constexpr u64 SharedWindow = 0x0100'0000'0000'0000, LocalWindow = 0x0200'0000'0000'0000;

struct Insn {
    Op op = Nop;
    Ty ty = TNone, from = TNone;
    Space space = Generic;
    u8 sub = 0, vec = 1, cls = CNone;
    bool unordered = false, approx = false, negA = false, negC = false, guardNeg = false, vol = false, uni = false;
    char round = 'n', boolOp = 0;
    i32 guard = -1;              // slot of the predicate
    i32 d[4] = {-1, -1, -1, -1}; // slots of 32 x 4 bytes; two in a row for 64 bits
    i32 s[4] = {-1, -1, -1, -1};
    i64 imm = 0;
    i32 target = -1;
    u32 line = 0;
};

struct Constant {
    i32 slot;
    u64 value;
    int size;
};
struct ParamVar {
    i32 slot = -1;
    int offset = 0, size = 0;
    bool kernel = false;
};
struct Function {
    std::string name;
    bool entry = false;
    int start = -1, end = -1;
    std::vector<std::pair<std::string, int>> params; // name, bytes
    std::vector<ParamVar> paramVars;
    ParamVar ret;
    bool hasRet = false;
    int paramBytes = 0, maxThreads = 0, minBlocks = 0, sharedBytes = 0, localBytes = 0;
};
struct Module {
    std::string text, error, target, version;
    int isaMajor = 0, isaMinor = 0, cc = 0;
    std::vector<std::string> lines;
    std::vector<Insn> code;
    std::vector<Function> functions;
    std::map<std::string, int> byName;
    std::vector<Constant> constants;
    std::vector<std::vector<i32>> tables; // brx
    int slots = 0;
    int fused = 0;
    i32 special[16]; // tid x y z, ntid, ctaid, nctaid, laneid, dynamic shared size
    std::map<std::string, u64> symbols;
    bool parse(const char* text, bool fuse);
};
