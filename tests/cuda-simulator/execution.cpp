// Runs a kernel: blocks one after the other, their warps in turn from barrier to barrier, 32 lanes at once. Lanes of a warp
// that take different ways do so one after the other, up to the branch's immediate post-dominator: a stack, as Pascal has it.
#include "simulator.hpp"
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <thread>
#include <type_traits>

namespace {
constexpr int MaxDepth = 24;
struct Frag {
    u32 mask;
    i32 pc;
    i32 depth;
    i32 join;
}; // join: where it ends; -1 nowhere
struct Warp {
    u8* rf;
    std::vector<Frag> frags;
    u32 live;
    u32 all;
    int id;
    u64 issues;
    bool blocked;
};

struct SharedShadow {
    u32 wThread, wEpoch, wPc, rThread, rEpoch, rPc;
    u8 init;
};
constexpr u32 Many = 0xffffffffu;

struct Block {
    const Kernel& k;
    const Module& m;
    const Insn* code;
    const u8* params;
    u32 launchId, blockId, threads;
    u32 ctaid[3], nct[3], nt[3];
    u32 dynamicShared;
    std::vector<Warp> warps;
    std::vector<u8> regs;
    std::vector<u8> shared;
    std::vector<SharedShadow> ss;
    std::vector<u8> local;
    u32 epoch = 1;
    u64 issues = 0;
    std::vector<LineProfile>* prof;
    size_t warpBytes;
    std::vector<Allocation> cache;
    int sharedSize;
    u64 barriers = 0;

    Block(const Kernel& k, const u8* params, u32 launchId, const u32* block, const u32* grid, u32 dynamicShared,
          std::vector<LineProfile>* prof)
        : k(k), m(*k.module), code(m.code.data()), params(params), launchId(launchId), dynamicShared(dynamicShared), prof(prof) {
        for (int i = 0; i < 3; i++) {
            nt[i] = block[i];
            nct[i] = grid[i];
        }
        threads = block[0] * block[1] * block[2];
        int nw = (threads + 31) / 32;
        warpBytes = (size_t)m.slots * 128 + 256;
        warpBytes = (warpBytes + 63) / 64 * 64;
        regs.assign(warpBytes * nw + 64, 0xcd);
        u8* base = (u8*)(((uintptr_t)regs.data() + 63) / 64 * 64);
        warps.resize(nw);
        sharedSize = k.function->sharedBytes + dynamicShared;
        shared.resize(sharedSize + 16);
        ss.resize(sharedSize / 4 + 4);
        local.resize((size_t)k.function->localBytes * threads);
        cache.assign(m.code.size(), {0, 0});
        for (int w = 0; w < nw; w++) {
            Warp& W = warps[w];
            W.rf = base + w * warpBytes;
            W.id = w;
            u32 n = std::min(32u, threads - w * 32);
            W.all = n == 32 ? ~0u : (1u << n) - 1;
            for (auto& c : m.constants)
                for (int i = 0; i < 32; i++)
                    if (c.size == 8)
                        ((u64*)(W.rf + c.slot * 128))[i] = c.value;
                    else
                        ((u32*)(W.rf + c.slot * 128))[i] = (u32)c.value;
        }
    }

    void start(u32 id) {
        blockId = id;
        ctaid[0] = id % nct[0];
        ctaid[1] = id / nct[0] % nct[1];
        ctaid[2] = id / nct[0] / nct[1];
        epoch = 1;
        memset(shared.data(), 0xff, shared.size());
        memset(ss.data(), 0, ss.size() * sizeof(SharedShadow));
        for (Warp& W : warps) {
            W.live = W.all;
            W.issues = 0;
            W.frags.clear();
            W.frags.push_back({W.all, k.function->start, 0, -1});
            W.blocked = false;
            for (int i = 0; i < 32; i++) {
                u32 t = W.id * 32 + i;
                u32 v[15] = {t % nt[0], t / nt[0] % nt[1], t / nt[0] / nt[1], nt[0],  nt[1],  nt[2],
                             ctaid[0],  ctaid[1],          ctaid[2],          nct[0], nct[1], nct[2],
                             (u32)i,    dynamicShared,     (u32)W.id};
                for (int s = 0; s < 15; s++)
                    ((u32*)(W.rf + m.special[s] * 128))[i] = v[s];
            }
        }
    }

    const std::string& kernelName() const { return k.function->name; }
    u32 lineOf(u32 pc) const { return pc < m.code.size() ? m.code[pc].line : 0; }

    // ---- memory ----
    [[noreturn]] void outOfBounds(const Insn& I, u64 a, int n, const char* space) {
        Allocation al;
        bool near = space[0] == 'g' && memory::find(a, al);
        finding("out of bounds", kernelName(), m, I.line, 0, "%s %d bytes at %#llx%s", space, n, (unsigned long long)a,
                near ? " (past the end of its allocation)" : "");
        throw Fault{700};
    }
    [[noreturn]] void misaligned(const Insn& I, u64 a, int n) {
        finding("misaligned", kernelName(), m, I.line, 0, "%d bytes at %#llx", n, (unsigned long long)a);
        throw Fault{716};
    }

    void checkGlobal(const Insn& I, i32 pc, u64 a, int n) {
        Allocation& c = cache[pc];
        if (a - c.begin < c.size && a - c.begin + n <= c.size)
            return;
        Allocation al;
        if (!memory::find(a, al) || a - al.begin + n > al.size)
            outOfBounds(I, a, n, "global");
        c = al;
    }

    template <bool Write> void shadowGlobal(const Insn& I, i32 pc, u64 a, int n, u32 thread, const u8* value) {
        u32 me = blockId * threads + thread + 1;
        for (int o = 0; o < n; o += 4) {
            u64 w = (a + o) & ~3ull;
            memory::Shadow* s = memory::shadow(w);
            u8* init = memory::initMap(w);
            if (s->wLaunch == launchId && s->wThread != me && !I.vol) {
                u32 wb = (s->wThread - 1) / threads;
                bool ordered = wb == blockId && s->wEpoch < epoch;
                if (!ordered) {
                    if (Write) {
                        bool same = !memcmp((void*)(a + o), value + o, std::min(4, n));
                        finding(same ? "global race write/write, same value" : "global race write/write", kernelName(), m, I.line,
                                lineOf(s->wPc), "%s, word %#llx, block %u thread %u and block %u thread %u",
                                wb == blockId ? "same block, no barrier" : "other block", (unsigned long long)w, blockId, thread, wb,
                                (s->wThread - 1) % threads);
                    } else
                        finding("global race read/write", kernelName(), m, I.line, lineOf(s->wPc),
                                "%s, word %#llx, reader block %u thread %u, writer block %u thread %u",
                                wb == blockId ? "same block, no barrier" : "other block", (unsigned long long)w, blockId, thread, wb,
                                (s->wThread - 1) % threads);
                }
            }
            if (Write) {
                if (s->rLaunch == launchId && s->rThread != me && !I.vol) {
                    bool ordered = s->rThread != Many && (s->rThread - 1) / threads == blockId && s->rEpoch < epoch;
                    if (s->rThread == Many - 1)
                        ordered = s->rPc / 0x1000000 == (blockId & 0xff) && s->rEpoch < epoch; // several threads of one block
                    if (!ordered)
                        finding("global race write/read", kernelName(), m, I.line, lineOf(s->rPc & 0xffffff),
                                "word %#llx, writer block %u thread %u, reader %s", (unsigned long long)w, blockId, thread,
                                s->rThread == Many ? "of several blocks" : "of this or another block without a barrier");
                }
                s->wLaunch = launchId;
                s->wThread = me;
                s->wEpoch = epoch;
                s->wPc = pc;
                *init = 1;
            } else {
                if (!*init)
                    finding("uninitialised global read", kernelName(), m, I.line, 0, "word %#llx, block %u thread %u",
                            (unsigned long long)w, blockId, thread);
                u32 tag = (u32)pc | (blockId & 0xff) << 24;
                if (s->rLaunch != launchId) {
                    s->rLaunch = launchId;
                    s->rThread = me;
                    s->rEpoch = epoch;
                    s->rPc = tag;
                } else if (s->rThread != me && s->rThread != Many) {
                    u32 rb = s->rThread == Many - 1 ? (s->rPc >> 24) : ((s->rThread - 1) / threads) & 0xff;
                    if (rb != (blockId & 0xff))
                        s->rThread = Many;
                    else if (s->rEpoch == epoch)
                        s->rThread = Many - 1;
                    else
                        s->rThread = me;
                    s->rEpoch = epoch;
                    s->rPc = tag;
                } else {
                    s->rEpoch = epoch;
                    s->rPc = tag;
                }
            }
        }
    }

    template <bool Write> void shadowShared(const Insn& I, i32 pc, u64 off, int n, u32 thread, const u8* value) {
        for (int o = 0; o < n; o += 4) {
            SharedShadow& s = ss[(off + o) / 4];
            if (s.wThread && s.wThread != thread + 1 && s.wEpoch == epoch && !I.vol) {
                if (Write)
                    finding(memcmp(&shared[(off + o) & ~3ull], value + o, std::min(4, n)) ? "shared race write/write"
                                                                                          : "shared race write/write, same value",
                            kernelName(), m, I.line, lineOf(s.wPc), "offset %llu, threads %u and %u", (unsigned long long)off, thread,
                            s.wThread - 1);
                else
                    finding("shared race read/write", kernelName(), m, I.line, lineOf(s.wPc), "offset %llu, reader %u, writer %u",
                            (unsigned long long)off, thread, s.wThread - 1);
            }
            if (Write) {
                if (s.rThread && s.rThread != thread + 1 && s.rEpoch == epoch && !I.vol)
                    finding("shared race write/read", kernelName(), m, I.line, lineOf(s.rPc), "offset %llu, writer %u, reader %u",
                            (unsigned long long)off, thread, s.rThread == Many ? 9999 : s.rThread - 1);
                s.wThread = thread + 1;
                s.wEpoch = epoch;
                s.wPc = pc;
                s.init = 1;
            } else {
                if (!s.init)
                    finding("uninitialised shared read", kernelName(), m, I.line, 0, "offset %llu, thread %u, block %u",
                            (unsigned long long)off, thread, blockId);
                if (s.rThread && s.rThread != thread + 1 && s.rEpoch == epoch)
                    s.rThread = Many;
                else
                    s.rThread = thread + 1;
                s.rEpoch = epoch;
                s.rPc = pc;
            }
        }
    }

    void countGlobal(LineProfile& p, u32 mask, const u64* a, int n) {
        u64 sec[160];
        int c = 0;
        u64 l[40];
        int lc = 0;
        u32 lanes = 0;
        for (int i = 0; i < 32; i++)
            if (mask >> i & 1) {
                lanes++;
                u64 s = a[i] >> 5;
                bool seen = false;
                for (int j = c; j-- > 0;)
                    if (sec[j] == s) {
                        seen = true;
                        break;
                    }
                if (!seen) {
                    sec[c++] = s;
                    u64 q = s >> 2;
                    bool sl = false;
                    for (int j = lc; j-- > 0;)
                        if (l[j] == q) {
                            sl = true;
                            break;
                        }
                    if (!sl)
                        l[lc++] = q;
                }
            }
        p.sectors += c;
        p.lines128 += lc;
        p.ideal += (lanes * n + 31) / 32;
    }
    void countShared(LineProfile& p, u32 mask, const u64* a, int n) {
        int per = n == 16 ? 8 : n == 8 ? 16 : 32;
        u64 waves = 0, ideal = 0;
        for (int q = 0; q < 32; q += per) {
            u32 words[32][8];
            u8 cnt[32] = {0};
            int most = 0;
            bool any = false;
            for (int i = q; i < q + per; i++)
                if (mask >> i & 1) {
                    any = true;
                    for (int o = 0; o < n; o += 4) {
                        u32 w = (u32)((a[i] + o) / 4);
                        int b = w & 31;
                        bool seen = false;
                        for (int j = 0; j < cnt[b] && j < 8; j++)
                            if (words[b][j] == w) {
                                seen = true;
                                break;
                            }
                        if (!seen) {
                            if (cnt[b] < 8)
                                words[b][cnt[b]] = w;
                            cnt[b]++;
                            most = std::max(most, (int)cnt[b]);
                        }
                    }
                }
            waves += most;
            ideal += any;
        }
        p.wavefronts += waves;
        p.ideal += ideal;
    }

    void access(Warp& W, const Insn& I, i32 pc, u32 mask, bool load) {
        const u64* base = (const u64*)(W.rf + (load ? I.s[0] : I.d[0]) * 128);
        u64 a[32];
        for (int i = 0; i < 32; i++)
            a[i] = base[i] + I.imm;
        int es = bytes(I.ty), n = es * I.vec;
        Space sp = I.space;
        if (sp == Const)
            sp = Global;
        if (sp == Generic) {
            u32 g = 0, s = 0, l = 0;
            for (int i = 0; i < 32; i++)
                if (mask >> i & 1)
                    (a[i] >> 56 == 1 ? s : a[i] >> 56 == 2 ? l : g) |= 1u << i;
            if ((g != 0) + (s != 0) + (l != 0) > 1) {
                Insn J = I;
                for (auto& part : {std::make_pair(g, Global), std::make_pair(s, Shared), std::make_pair(l, Local)})
                    if (part.first) {
                        J.space = part.second;
                        J.imm = I.imm;
                        if (part.second != Global)
                            J.imm -= part.second == Shared ? (i64)SharedWindow : (i64)LocalWindow;
                        access(W, J, pc, part.first, load);
                    }
                return;
            }
            sp = s ? Shared : l ? Local : Global;
            if (sp != Global)
                for (auto& x : a)
                    x -= sp == Shared ? SharedWindow : LocalWindow;
        }
        for (int i = 0; i < 32; i++)
            if (mask >> i & 1) {
                u32 thread = W.id * 32 + i;
                u8* p;
                u64 x = a[i];
                if (x & (n - 1))
                    misaligned(I, x, n);
                if (sp == Global) {
                    checkGlobal(I, pc, x, n);
                    p = (u8*)x;
                } else if (sp == Shared) {
                    if (x > (u64)sharedSize || x + n > (u64)sharedSize)
                        outOfBounds(I, x, n, "shared");
                    p = &shared[x];
                } else {
                    if (x + n > (u64)k.function->localBytes)
                        outOfBounds(I, x, n, "local");
                    p = &local[(size_t)thread * k.function->localBytes + x];
                }
                if (load) {
                    if (config.check) {
                        if (sp == Global)
                            shadowGlobal<false>(I, pc, x, n, thread, nullptr);
                        else if (sp == Shared)
                            shadowShared<false>(I, pc, x, n, thread, nullptr);
                    }
                    for (int v = 0; v < I.vec; v++) {
                        u8* r = W.rf + I.d[v] * 128;
                        const u8* q = p + v * es;
                        switch (I.ty) {
                        case B8:
                        case U8: ((u32*)r)[i] = *q; break;
                        case S8: ((i32*)r)[i] = (i8)*q; break;
                        case B16:
                        case U16:
                        case F16: {
                            u16 h;
                            memcpy(&h, q, 2);
                            ((u32*)r)[i] = h;
                            break;
                        }
                        case S16: {
                            i16 h;
                            memcpy(&h, q, 2);
                            ((i32*)r)[i] = h;
                            break;
                        }
                        default:
                            if (es == 8)
                                memcpy(&((u64*)r)[i], q, 8);
                            else
                                memcpy(&((u32*)r)[i], q, 4);
                        }
                    }
                } else {
                    u8 value[32]; // four values of eight bytes, although PTX has at most 16 bytes
                    for (int v = 0; v < I.vec; v++) {
                        const u8* r = W.rf + I.s[v] * 128;
                        if (es == 8)
                            memcpy(value + v * 8, &((u64*)r)[i], 8);
                        else
                            memcpy(value + v * es, &((u32*)r)[i], es);
                    }
                    if (config.check) {
                        if (sp == Global)
                            shadowGlobal<true>(I, pc, x, n, thread, value);
                        else if (sp == Shared)
                            shadowShared<true>(I, pc, x, n, thread, value);
                    } else if (sp == Global)
                        for (int o = 0; o < n; o += 4)
                            *memory::initMap(x + o) = 1;
                    memcpy(p, value, n);
                }
            }
        if (config.count) {
            if (sp == Global)
                countGlobal((*prof)[pc], mask, a, n);
            else if (sp == Shared)
                countShared((*prof)[pc], mask, a, n);
        }
    }

    template <class T> static T atomicApply(AtomOp op, T old, T v, T c) {
        switch (op) {
        case AAdd: return old + v;
        case AMax: return std::max(old, v);
        case AMin: return std::min(old, v);
        case AExch: return v;
        case ACas: return old == v ? c : old;
        default: break;
        }
        if constexpr (std::is_integral_v<T>)
            switch (op) {
            case AAnd: return old & v;
            case AOr: return old | v;
            case AXor: return old ^ v;
            default: break;
            }
        return old;
    }
    template <class T> void atomicT(Warp& W, const Insn& I, i32 pc, u32 mask) {
        for (int i = 0; i < 32; i++)
            if (mask >> i & 1) {
                u64 x = ((const u64*)(W.rf + I.s[0] * 128))[i] + I.imm;
                bool sh = I.space == Shared;
                if (I.space == Generic && x >> 56 == 1) {
                    sh = true;
                    x -= SharedWindow;
                }
                if (x & (sizeof(T) - 1))
                    misaligned(I, x, sizeof(T));
                T* p;
                if (sh) {
                    if (x + sizeof(T) > (u64)sharedSize)
                        outOfBounds(I, x, sizeof(T), "shared");
                    p = (T*)&shared[x];
                } else {
                    checkGlobal(I, pc, x, sizeof(T));
                    p = (T*)x;
                }
                T v = ((T*)(W.rf + I.s[1] * 128))[i], c = I.sub == ACas ? ((T*)(W.rf + I.s[2] * 128))[i] : T(), old = *p;
                *p = atomicApply<T>((AtomOp)I.sub, old, v, c);
                if (I.op == Atom)
                    ((T*)(W.rf + I.d[0] * 128))[i] = old;
            }
    }

    // ---- arithmetic ----
    template <class F> static inline void lanes(u32 mask, F f) {
        if (mask == ~0u) {
            for (int i = 0; i < 32; i++)
                f(i);
        } else
            for (int i = 0; i < 32; i++)
                if (mask >> i & 1)
                    f(i);
    }
    // Slots hold 16-bit values in 32 bits.
    template <class T> struct Lane {
        using Slot =
            std::conditional_t<sizeof(T) == 8, T,
                               std::conditional_t<std::is_same_v<T, float>, float, std::conditional_t<std::is_signed_v<T>, i32, u32>>>;
    };
    template <class T, class F> void binary(Warp& W, const Insn& I, u32 mask, F f) {
        using S = typename Lane<T>::Slot;
        S* d = (S*)(W.rf + I.d[0] * 128);
        const S* a = (const S*)(W.rf + I.s[0] * 128);
        const S* b = (const S*)(W.rf + I.s[1] * 128);
        lanes(mask, [&](int i) { d[i] = (S)(T)f((T)a[i], (T)b[i]); });
    }
    template <class T, class F> void unary(Warp& W, const Insn& I, u32 mask, F f) {
        using S = typename Lane<T>::Slot;
        S* d = (S*)(W.rf + I.d[0] * 128);
        const S* a = (const S*)(W.rf + I.s[0] * 128);
        lanes(mask, [&](int i) { d[i] = (S)(T)f((T)a[i]); });
    }
    template <class T> static T wrapAdd(T a, T b) {
        if constexpr (std::is_floating_point_v<T>)
            return a + b;
        else
            return (T)((u64)a + (u64)b);
    }
    template <class T> static T wrapSub(T a, T b) {
        if constexpr (std::is_floating_point_v<T>)
            return a - b;
        else
            return (T)((u64)a - (u64)b);
    }
    template <class T> static T wrapMul(T a, T b) {
        if constexpr (std::is_floating_point_v<T>)
            return a * b;
        else
            return (T)((u64)a * (u64)b);
    }
    template <class T> static T divide(T a, T b) {
        if constexpr (std::is_floating_point_v<T>)
            return a / b;
        else
            return b == 0 ? (T) ~(T)0 : (std::is_signed_v<T> && b == (T)-1) ? (T)(0 - (u64)a) : a / b;
    }
    template <class T> static T remainder(T a, T b) {
        if constexpr (std::is_floating_point_v<T>)
            return 0;
        else
            return b == 0 ? a : (std::is_signed_v<T> && b == (T)-1) ? 0 : a % b;
    }
    // PTX: of a NaN and a number the number, unless .NaN is said.
    template <class T> static T smaller(T a, T b, bool nan) {
        if constexpr (std::is_floating_point_v<T>) {
            if (nan && (a != a || b != b))
                return NAN;
            return a != a ? b : b != b ? a : a < b || (a == b && std::signbit(a)) ? a : b;
        } else
            return a < b ? a : b;
    }
    template <class T> static T larger(T a, T b, bool nan) {
        if constexpr (std::is_floating_point_v<T>) {
            if (nan && (a != a || b != b))
                return NAN;
            return a != a ? b : b != b ? a : a > b || (a == b && !std::signbit(a)) ? a : b;
        } else
            return a > b ? a : b;
    }

    template <class T> void arith(Warp& W, const Insn& I, u32 mask) {
        switch (I.op) {
        case Add: binary<T>(W, I, mask, [](T a, T b) { return wrapAdd(a, b); }); break;
        case Sub: binary<T>(W, I, mask, [](T a, T b) { return wrapSub(a, b); }); break;
        case Mul: binary<T>(W, I, mask, [](T a, T b) { return wrapMul(a, b); }); break;
        case Div: binary<T>(W, I, mask, [](T a, T b) { return divide(a, b); }); break;
        case Rem: binary<T>(W, I, mask, [](T a, T b) { return remainder(a, b); }); break;
        case Min: {
            bool n = I.unordered;
            binary<T>(W, I, mask, [n](T a, T b) { return smaller(a, b, n); });
            break;
        }
        case Max: {
            bool n = I.unordered;
            binary<T>(W, I, mask, [n](T a, T b) { return larger(a, b, n); });
            break;
        }
        case Neg:
            unary<T>(W, I, mask, [](T a) {
                if constexpr (std::is_floating_point_v<T>)
                    return -a;
                else
                    return (T)(0 - (u64)a);
            });
            break;
        case Abs:
            unary<T>(W, I, mask, [](T a) {
                if constexpr (std::is_floating_point_v<T>)
                    return std::fabs(a);
                else
                    return a < 0 ? (T)(0 - (u64)a) : a;
            });
            break;
        default: throw Fault{718};
        }
    }
    template <class T> void integer(Warp& W, const Insn& I, u32 mask) {
        using S = typename Lane<T>::Slot;
        switch (I.op) {
        case And: binary<T>(W, I, mask, [](T a, T b) { return (T)(a & b); }); break;
        case Or: binary<T>(W, I, mask, [](T a, T b) { return (T)(a | b); }); break;
        case Xor: binary<T>(W, I, mask, [](T a, T b) { return (T)(a ^ b); }); break;
        case Not: unary<T>(W, I, mask, [](T a) { return (T)~a; }); break;
        case Shl:
        case Shr: {
            S* d = (S*)(W.rf + I.d[0] * 128);
            const S* a = (const S*)(W.rf + I.s[0] * 128);
            const u32* b = (const u32*)(W.rf + I.s[1] * 128);
            bool left = I.op == Shl;
            constexpr u32 bitsN = sizeof(T) * 8;
            lanes(mask, [&](int i) {
                u32 n = b[i];
                T v = (T)a[i];
                d[i] = (S)(left ? (n >= bitsN ? (T)0 : (T)((u64)v << n)) : (n >= bitsN ? (v < (T)0 ? (T)-1 : (T)0) : (T)(v >> n)));
            });
            break;
        }
        case Mad: {
            S* d = (S*)(W.rf + I.d[0] * 128);
            const S *a = (const S*)(W.rf + I.s[0] * 128), *b = (const S*)(W.rf + I.s[1] * 128), *c = (const S*)(W.rf + I.s[2] * 128);
            lanes(mask, [&](int i) { d[i] = (S)(T)((u64)a[i] * (u64)b[i] + (u64)c[i]); });
            break;
        }
        default: arith<T>(W, I, mask);
        }
    }
    template <class N, class D> void wide(Warp& W, const Insn& I, u32 mask) {
        D* d = (D*)(W.rf + I.d[0] * 128);
        const N *a = (const N*)(W.rf + I.s[0] * 128), *b = (const N*)(W.rf + I.s[1] * 128);
        const D* c = I.op == MadWide ? (const D*)(W.rf + I.s[2] * 128) : nullptr;
        lanes(mask, [&](int i) { d[i] = (D)((u64)(D)a[i] * (u64)(D)b[i] + (c ? (u64)c[i] : 0)); });
    }
    template <class T> static bool compare(u8 c, T a, T b) {
        switch (c) {
        case Eq: return a == b;
        case Ne: return a != b;
        case Lt: return a < b;
        case Le: return a <= b;
        case Gt: return a > b;
        default: return a >= b;
        }
    }
    template <class T> void setp(Warp& W, const Insn& I, u32 mask) {
        using S = typename Lane<T>::Slot;
        u32* d = (u32*)(W.rf + I.d[0] * 128);
        const S *a = (const S*)(W.rf + I.s[0] * 128), *b = (const S*)(W.rf + I.s[1] * 128);
        const u32* c = I.s[2] >= 0 ? (const u32*)(W.rf + I.s[2] * 128) : nullptr;
        bool unordered = I.unordered;
        u8 op = I.sub;
        char bo = I.boolOp;
        u32 tmp[32];
        auto one = [&](auto f) {
            for (int i = 0; i < 32; i++) {
                T x = (T)a[i], y = (T)b[i];
                u32 r = f(x, y);
                if constexpr (std::is_floating_point_v<T>) {
                    bool nan = x != x || y != y;
                    if (op == Num)
                        r = !nan;
                    else if (op == Nan)
                        r = nan;
                    else if (nan)
                        r = unordered;
                }
                tmp[i] = r;
            }
        };
        switch (op) {
        case Eq: one([](T x, T y) { return x == y; }); break;
        case Ne: one([](T x, T y) { return x != y; }); break;
        case Lt: one([](T x, T y) { return x < y; }); break;
        case Le: one([](T x, T y) { return x <= y; }); break;
        case Gt: one([](T x, T y) { return x > y; }); break;
        default: one([](T x, T y) { return x >= y; });
        }
        if (c)
            for (int i = 0; i < 32; i++)
                tmp[i] = bo == '&' ? tmp[i] & c[i] : bo == '|' ? tmp[i] | c[i] : tmp[i] ^ c[i];
        lanes(mask, [&](int i) { d[i] = tmp[i]; });
    }
    template <class F> void byType(Ty t, F f) {
        switch (t) {
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
        default: throw Fault{718};
        }
    }
    static float half(u16 h) {
        _Float16 x;
        memcpy(&x, &h, 2);
        return (float)x;
    }
    static u16 toHalf(float f) {
        _Float16 x = (_Float16)f;
        u16 h;
        memcpy(&h, &x, 2);
        return h;
    }

    void convert(Warp& W, const Insn& I, u32 mask) {
        u8 *dp = W.rf + I.d[0] * 128, *sp = W.rf + I.s[0] * 128;
        auto put = [&](int i, u64 bits) {
            if (bytes(I.ty) == 8)
                ((u64*)dp)[i] = bits;
            else
                ((u32*)dp)[i] = (u32)bits;
        };
        lanes(mask, [&](int i) {
            bool fs = isFloat(I.from), fd = isFloat(I.ty);
            double x = 0;
            u64 v = 0;
            if (I.from == F32)
                x = ((float*)sp)[i];
            else if (I.from == F64)
                x = ((double*)sp)[i];
            else if (I.from == F16)
                x = half((u16)((u32*)sp)[i]);
            else {
                v = bytes(I.from) == 8 ? ((u64*)sp)[i] : ((u32*)sp)[i];
                switch (I.from) {
                case S8: v = (u64)(i64)(i8)v; break;
                case U8: v = (u8)v; break;
                case S16: v = (u64)(i64)(i16)v; break;
                case U16: v = (u16)v; break;
                case S32: v = (u64)(i64)(i32)v; break;
                case U32: v = (u32)v; break;
                default: break;
                }
            }
            if (fs && !fd) {
                x = I.round == 'm' ? std::floor(x) : I.round == 'p' ? std::ceil(x) : I.round == 'r' ? std::nearbyint(x) : std::trunc(x);
                int n = bytes(I.ty) * 8;
                bool s = isSigned(I.ty);
                double lo = s ? -std::ldexp(1.0, n - 1) : 0, hi = s ? std::ldexp(1.0, n - 1) : std::ldexp(1.0, n);
                if (x != x)
                    v = n == 64 ? 1ull << 63 : 0;
                else if (x <= lo)
                    v = s ? (u64)(i64)lo : 0;
                else if (x >= hi)
                    v = s ? (n == 64 ? 0x7fffffffffffffffull : (1ull << (n - 1)) - 1) : (n == 64 ? ~0ull : (1ull << n) - 1);
                else
                    v = s ? (u64)(i64)x : (u64)x;
                put(i, v);
            } else if (fd) {
                if (!fs) {
                    if (I.ty == F32) {
                        float f = isSigned(I.from) ? (float)(i64)v : (float)v;
                        u32 b;
                        memcpy(&b, &f, 4);
                        put(i, b);
                        return;
                    }
                    x = isSigned(I.from) ? (double)(i64)v : (double)v;
                } else if (I.round == 'm')
                    x = std::floor(x);
                else if (I.round == 'p')
                    x = std::ceil(x);
                else if (I.round == 'z')
                    x = std::trunc(x);
                else if (I.round == 'r')
                    x = std::nearbyint(x);
                if (I.ty == F64) {
                    u64 b;
                    memcpy(&b, &x, 8);
                    put(i, b);
                } else if (I.ty == F32) {
                    float f = (float)x;
                    u32 b;
                    memcpy(&b, &f, 4);
                    put(i, b);
                } else
                    put(i, toHalf((float)x));
            } else {
                switch (I.ty) {
                case S8: v = (u64)(i64)(i8)v; break;
                case U8: v = (u8)v; break;
                case S16: v = (u64)(i64)(i16)v; break;
                case U16: v = (u16)v; break;
                default: break;
                }
                put(i, v);
            }
        });
    }

    template <class F> void sfu(Warp& W, const Insn& I, u32 mask, F f) {
        if (I.ty == F64)
            unary<double>(W, I, mask, [&](double a) { return (double)f(a); });
        else
            unary<float>(W, I, mask, [&](float a) { return (float)f((double)a); });
    }

    // ---- control ----
    u32 maskOf(Warp& W, i32 slot, bool neg, u32 mask) {
        const u32* p = (const u32*)(W.rf + slot * 128);
        u32 r = 0;
        for (int i = 0; i < 32; i++)
            r |= (u32)(p[i] != 0) << i;
        return (neg ? ~r : r) & mask;
    }

    // Runs a warp to its next barrier or its end.
    void runWarp(Warp& W) {
        LineProfile* P = prof->data();
        u64 budget = config.hang;
        while (!W.blocked && !W.frags.empty()) {
            i32 pc = W.frags.back().pc;
            const u32 mask = W.frags.back().mask;
            const i32 join = W.frags.back().join, depth = W.frags.back().depth;
            if (mask == 0 || pc == join) {
                W.frags.pop_back();
                continue;
            }
            for (bool on = true; on;) {
                const Insn& I = code[pc];
                u32 eff = mask;
                if (I.guard >= 0)
                    eff = maskOf(W, I.guard, I.guardNeg, mask);
                if (I.cls != CNone && I.cls != CParam) {
                    P[pc].issues++;
                    P[pc].lanes += __builtin_popcount(I.op == Bra ? mask : eff);
                    W.issues++;
                    if (++issues > budget) {
                        finding("hang", kernelName(), m, I.line, 0, "block %u ran %llu warp instructions", blockId,
                                (unsigned long long)issues);
                        throw Fault{702};
                    }
                }
                switch (I.op) {
                case Bra:
                    if (eff == mask) {
                        pc = I.target;
                        if (pc == join) {
                            W.frags.back().pc = pc;
                            on = false;
                        }
                        continue;
                    }
                    if (eff == 0)
                        break;
                    if (I.uni)
                        finding("divergent branch marked .uni", kernelName(), m, I.line, 0, "mask %08x of %08x", eff, mask);
                    divide(W, I.d[0], {{mask & ~eff, pc + 1}, {eff, I.target}});
                    on = false;
                    continue;
                case Brx: {
                    const auto& t = m.tables[I.target];
                    const u32* x = (const u32*)(W.rf + I.s[0] * 128);
                    std::map<i32, u32> ways;
                    for (int i = 0; i < 32; i++)
                        if (mask >> i & 1) {
                            if (x[i] >= t.size()) {
                                finding("branch index out of range", kernelName(), m, I.line, 0, "%u", x[i]);
                                throw Fault{715};
                            }
                            ways[t[x[i]]] |= 1u << i;
                        }
                    if (ways.size() == 1) {
                        pc = ways.begin()->first;
                        if (pc == join) {
                            W.frags.back().pc = pc;
                            on = false;
                        }
                        continue;
                    }
                    std::vector<std::pair<u32, i32>> v;
                    for (auto& w : ways)
                        v.push_back({w.second, w.first});
                    divide(W, I.d[0], v);
                    on = false;
                    continue;
                }
                case Call:
                    if (eff == 0)
                        break;
                    if (depth + 1 >= MaxDepth) {
                        finding("call depth", kernelName(), m, I.line, 0, "-");
                        throw Fault{719};
                    }
                    W.frags.back().pc = pc + 1;
                    W.frags.push_back({eff, I.target, depth + 1, -1});
                    on = false;
                    continue;
                case Ret: {
                    if (eff == 0)
                        break;
                    bool exit = depth == 0 || I.sub;
                    if (exit)
                        W.live &= ~eff;
                    for (auto& f : W.frags)
                        if (exit || f.depth == depth)
                            f.mask &= ~eff;
                    W.frags.back().pc = pc + 1;
                    on = false;
                    continue;
                }
                case Bar:
                case BarRed:
                    if (eff != W.live) {
                        finding("divergent barrier", kernelName(), m, I.line, 0, "mask %08x of %08x, block %u warp %d", eff, W.live,
                                blockId, W.id);
                        throw Fault{719};
                    }
                    W.frags.back().pc = pc;
                    W.blocked = true;
                    return;
                default:
                    if (eff)
                        execute(W, I, pc, eff);
                }
                pc++;
                if (pc == join) {
                    W.frags.back().pc = pc;
                    on = false;
                }
            }
        }
    }

    void divide(Warp& W, i32 join, std::initializer_list<std::pair<u32, i32>> ways) {
        divide(W, join, std::vector<std::pair<u32, i32>>(ways));
    }
    void divide(Warp& W, i32 join, const std::vector<std::pair<u32, i32>>& ways) {
        Frag& f = W.frags.back();
        i32 depth = f.depth;
        if (join >= 0)
            f.pc = join;
        else
            W.frags.pop_back();
        for (auto& w : ways)
            if (w.second != join)
                W.frags.push_back({w.first, w.second, depth, join});
    }

    void execute(Warp& W, const Insn& I, i32 pc, u32 mask) {
        u8* rf = W.rf;
        switch (I.op) {
        case Nop:
        case Membar: break;
        case WarpSync: break;
        case Mov:
            if (bytes(I.ty) == 8) {
                u64* d = (u64*)(rf + I.d[0] * 128);
                const u64* a = (const u64*)(rf + I.s[0] * 128);
                lanes(mask, [&](int i) { d[i] = a[i]; });
            } else {
                u32* d = (u32*)(rf + I.d[0] * 128);
                const u32* a = (const u32*)(rf + I.s[0] * 128);
                lanes(mask, [&](int i) { d[i] = a[i]; });
            }
            break;
        case LdKernel: {
            const u8* p = params + I.imm;
            u64 v = 0;
            memcpy(&v, p, bytes(I.ty));
            if (I.ty == S8)
                v = (u64)(i64)(i8)v;
            if (I.ty == S16)
                v = (u64)(i64)(i16)v;
            if (bytes(I.ty) == 8) {
                u64* d = (u64*)(rf + I.d[0] * 128);
                lanes(mask, [&](int i) { d[i] = v; });
            } else {
                u32* d = (u32*)(rf + I.d[0] * 128);
                lanes(mask, [&](int i) { d[i] = (u32)v; });
            }
            break;
        }
        case LdParam: {
            const u32* w = (const u32*)(rf + I.s[0] * 128);
            int n = bytes(I.ty);
            if (n == 8) {
                u64* d = (u64*)(rf + I.d[0] * 128);
                lanes(mask, [&](int i) { d[i] = w[i] | (u64)w[i + 32] << 32; });
            } else {
                u32* d = (u32*)(rf + I.d[0] * 128);
                u32 sh = (u32)I.imm * 8;
                u32 m2 = n == 4 ? ~0u : n == 2 ? 0xffff : 0xff;
                lanes(mask, [&](int i) { d[i] = w[i] >> sh & m2; });
            }
            break;
        }
        case StParam: {
            u32* w = (u32*)(rf + I.d[0] * 128);
            int n = bytes(I.ty);
            if (n == 8) {
                const u64* s = (const u64*)(rf + I.s[0] * 128);
                lanes(mask, [&](int i) {
                    w[i] = (u32)s[i];
                    w[i + 32] = (u32)(s[i] >> 32);
                });
            } else {
                const u32* s = (const u32*)(rf + I.s[0] * 128);
                u32 sh = (u32)I.imm * 8;
                u32 m2 = n == 4 ? ~0u : (n == 2 ? 0xffffu : 0xffu) << sh;
                lanes(mask, [&](int i) { w[i] = (w[i] & ~m2) | (s[i] << sh & m2); });
            }
            break;
        }
        case Ld: access(W, I, pc, mask, true); break;
        case St: access(W, I, pc, mask, false); break;
        case Atom:
        case Red:
            byType(I.ty, [&](auto t) {
                using T = decltype(t);
                if constexpr (sizeof(T) >= 4)
                    atomicT<T>(W, I, pc, mask);
            });
            break;
        case CvtaTo:
        case CvtaFrom: {
            u64 w = I.space == Shared ? SharedWindow : I.space == Local ? LocalWindow : 0;
            if (I.op == CvtaTo)
                w = 0 - w;
            u64* d = (u64*)(rf + I.d[0] * 128);
            const u64* a = (const u64*)(rf + I.s[0] * 128);
            lanes(mask, [&](int i) { d[i] = a[i] + w; });
            break;
        }
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
            if (I.ty == F32)
                arith<float>(W, I, mask);
            else if (I.ty == F64)
                arith<double>(W, I, mask);
            else
                byType(I.ty, [&](auto t) {
                    using T = decltype(t);
                    if constexpr (std::is_integral_v<T>)
                        integer<T>(W, I, mask);
                });
            break;
        case Not:
            if (I.ty == Pred) {
                u32* d = (u32*)(rf + I.d[0] * 128);
                const u32* a = (const u32*)(rf + I.s[0] * 128);
                lanes(mask, [&](int i) { d[i] = !a[i]; });
            } else
                byType(I.ty, [&](auto t) {
                    using T = decltype(t);
                    if constexpr (std::is_integral_v<T>)
                        integer<T>(W, I, mask);
                });
            break;
        case Fma:
            if (I.ty == F32) {
                float* d = (float*)(rf + I.d[0] * 128);
                const float *a = (const float*)(rf + I.s[0] * 128), *b = (const float*)(rf + I.s[1] * 128),
                            *c = (const float*)(rf + I.s[2] * 128);
                float na = I.negA ? -1.f : 1.f, nc = I.negC ? -1.f : 1.f;
                lanes(mask, [&](int i) { d[i] = __builtin_fmaf(na * a[i], b[i], nc * c[i]); });
            } else {
                double* d = (double*)(rf + I.d[0] * 128);
                const double *a = (const double*)(rf + I.s[0] * 128), *b = (const double*)(rf + I.s[1] * 128),
                             *c = (const double*)(rf + I.s[2] * 128);
                lanes(mask, [&](int i) { d[i] = __builtin_fma(a[i], b[i], c[i]); });
            }
            break;
        case MulWide:
        case MadWide:
            if (I.ty == U32)
                wide<u32, u64>(W, I, mask);
            else if (I.ty == S32)
                wide<i32, i64>(W, I, mask);
            else
                throw Fault{718};
            break;
        case MulHi:
            if (I.ty == U32) {
                binary<u32>(W, I, mask, [](u32 a, u32 b) { return (u32)((u64)a * b >> 32); });
            } else if (I.ty == S32) {
                binary<i32>(W, I, mask, [](i32 a, i32 b) { return (i32)((i64)a * b >> 32); });
            } else if (I.ty == U64) {
                binary<u64>(W, I, mask, [](u64 a, u64 b) { return (u64)((unsigned __int128)a * b >> 64); });
            } else
                throw Fault{718};
            break;
        case Popc: {
            u32* d = (u32*)(rf + I.d[0] * 128);
            if (bytes(I.ty) == 8) {
                const u64* a = (const u64*)(rf + I.s[0] * 128);
                lanes(mask, [&](int i) { d[i] = __builtin_popcountll(a[i]); });
            } else {
                const u32* a = (const u32*)(rf + I.s[0] * 128);
                lanes(mask, [&](int i) { d[i] = __builtin_popcount(a[i]); });
            }
            break;
        }
        case Clz: {
            u32* d = (u32*)(rf + I.d[0] * 128);
            if (bytes(I.ty) == 8) {
                const u64* a = (const u64*)(rf + I.s[0] * 128);
                lanes(mask, [&](int i) { d[i] = a[i] ? __builtin_clzll(a[i]) : 64; });
            } else {
                const u32* a = (const u32*)(rf + I.s[0] * 128);
                lanes(mask, [&](int i) { d[i] = a[i] ? __builtin_clz(a[i]) : 32; });
            }
            break;
        }
        case Sqrt:
            if (I.ty == F32)
                unary<float>(W, I, mask, [](float a) { return std::sqrt(a); });
            else
                unary<double>(W, I, mask, [](double a) { return std::sqrt(a); });
            break;
        case Rcp:
            if (I.ty == F32)
                unary<float>(W, I, mask, [](float a) { return 1.f / a; });
            else
                unary<double>(W, I, mask, [](double a) { return 1. / a; });
            break;
        case Rsqrt: sfu(W, I, mask, [](double a) { return 1 / std::sqrt(a); }); break;
        case Ex2: sfu(W, I, mask, [](double a) { return std::exp2(a); }); break;
        case Lg2: sfu(W, I, mask, [](double a) { return std::log2(a); }); break;
        case Sin: sfu(W, I, mask, [](double a) { return std::sin(a); }); break;
        case Cos: sfu(W, I, mask, [](double a) { return std::cos(a); }); break;
        case Tanh:
            sfu(W, I, mask, [](double a) {
                double t = std::tanh(a);
                return t * (1 + 4.9e-4 * std::sin(a * 97));
            });
            break; // as far off as hardware's may be: 2^-11
        case CopySign:
            if (I.ty == F32)
                binary<float>(W, I, mask, [](float a, float b) { return std::copysign(b, a); });
            else
                binary<double>(W, I, mask, [](double a, double b) { return std::copysign(b, a); });
            break;
        case TestP: {
            u32* d = (u32*)(rf + I.d[0] * 128);
            lanes(mask, [&](int i) {
                double x = I.ty == F32 ? ((float*)(rf + I.s[0] * 128))[i] : ((double*)(rf + I.s[0] * 128))[i];
                d[i] = I.sub == 0 ? std::isfinite(x) : I.sub == 1 ? std::isinf(x) : std::isnan(x);
            });
            break;
        }
        case Setp: byType(I.ty, [&](auto t) { setp<decltype(t)>(W, I, mask); }); break;
        case Selp: {
            const u32* c = (const u32*)(rf + I.s[2] * 128);
            if (bytes(I.ty) == 8) {
                u64* d = (u64*)(rf + I.d[0] * 128);
                const u64 *a = (const u64*)(rf + I.s[0] * 128), *b = (const u64*)(rf + I.s[1] * 128);
                lanes(mask, [&](int i) { d[i] = c[i] ? a[i] : b[i]; });
            } else {
                u32* d = (u32*)(rf + I.d[0] * 128);
                const u32 *a = (const u32*)(rf + I.s[0] * 128), *b = (const u32*)(rf + I.s[1] * 128);
                lanes(mask, [&](int i) { d[i] = c[i] ? a[i] : b[i]; });
            }
            break;
        }
        case Cvt: convert(W, I, mask); break;
        case Shfl: {
            u32* d = (u32*)(rf + I.d[0] * 128);
            const u32 *a = (const u32*)(rf + I.s[0] * 128), *b = (const u32*)(rf + I.s[1] * 128), *c = (const u32*)(rf + I.s[2] * 128);
            u32 tmp[32];
            if (mask != W.live)
                finding("shuffle of a divided warp", kernelName(), m, I.line, 0, "mask %08x", mask);
            for (int i = 0; i < 32; i++)
                if (mask >> i & 1) {
                    u32 seg = c[i] >> 8 & 31, cl = c[i] & 31;
                    int maxL = (i & seg) | (cl & ~seg), minL = i & seg;
                    int j;
                    bool ok;
                    u32 v = b[i] & 31;
                    switch (I.sub) {
                    case 2:
                        j = i - (int)v;
                        ok = j >= maxL;
                        break;
                    case 1:
                        j = i + (int)v;
                        ok = j <= maxL;
                        break;
                    case 3:
                        j = i ^ (int)v;
                        ok = j <= maxL;
                        break;
                    default: j = minL | (int)(v & ~seg); ok = j <= maxL;
                    }
                    if (!ok)
                        j = i;
                    tmp[i] = a[j & 31];
                }
            lanes(mask, [&](int i) { d[i] = tmp[i]; });
            break;
        }
        case Trap: finding("trap", kernelName(), m, I.line, 0, "-"); throw Fault{719};
        default: throw Fault{718};
        }
    }

    void runBlock() {
        for (;;) {
            for (Warp& W : warps)
                runWarp(W);
            u32 live = 0;
            i32 pc = -1;
            bool same = true;
            i32 other = -1;
            for (Warp& W : warps) {
                live += __builtin_popcount(W.live);
                if (!W.blocked)
                    continue;
                i32 p = W.frags.back().pc;
                if (pc < 0)
                    pc = p;
                else if (pc != p) {
                    same = false;
                    other = p;
                }
            }
            if (pc < 0)
                break;
            if (!same)
                finding("threads wait at different barriers", kernelName(), m, lineOf(pc), lineOf(other), "block %u", blockId);
            if (live < threads)
                finding("barrier after some threads have ended", kernelName(), m, lineOf(pc), 0, "block %u, %u of %u live", blockId, live,
                        threads);
            if (code[pc].op == BarRed) {
                u32 n = 0;
                for (Warp& W : warps)
                    if (W.blocked)
                        n += __builtin_popcount(maskOf(W, code[pc].s[0], false, W.live));
                for (Warp& W : warps)
                    if (W.blocked) {
                        u32* d = (u32*)(W.rf + code[pc].d[0] * 128);
                        for (int i = 0; i < 32; i++)
                            if (W.live >> i & 1)
                                d[i] = code[pc].sub == 0 ? n : code[pc].sub == 1 ? n == live : n > 0;
                    }
            }
            for (Warp& W : warps)
                if (W.blocked) {
                    W.blocked = false;
                    W.frags.back().pc++;
                }
            epoch++;
            barriers++;
        }
        issues = 0;
    }
};

std::atomic<u32> launches{0};
} // namespace

int launch(const Kernel& k, u32 gx, u32 gy, u32 gz, u32 bx, u32 by, u32 bz, u32 dynamicShared, const u8* params) {
    auto began = std::chrono::steady_clock::now();
    u32 id = ++launches;
    u32 grid[3] = {gx, gy, gz}, block[3] = {bx, by, bz};
    u32 total = gx * gy * gz;
    int workers = std::max(1, std::min(config.threads, (int)total));
    std::vector<std::vector<LineProfile>> profiles(workers, std::vector<LineProfile>(k.module->code.size()));
    std::atomic<u32> next{0};
    std::atomic<int> code{0};
    std::atomic<u64> longest{0}, barriers{0};
    auto work = [&](int w) {
        try {
            Block b(k, params, id, block, grid, dynamicShared, &profiles[w]);
            for (u32 i; (i = next++) < total && code == 0;) {
                b.start(i);
                b.runBlock();
                for (auto& W : b.warps) {
                    u64 m = longest;
                    while (W.issues > m && !longest.compare_exchange_weak(m, W.issues)) {
                    }
                }
            }
            barriers += b.barriers;
        } catch (const Fault& f) {
            code = f.code;
        }
    };
    std::vector<std::thread> extra;
    for (int w = 1; w < workers; w++)
        extra.emplace_back(work, w);
    work(0);
    for (auto& t : extra)
        t.join();
    KernelStats& s = *k.stats;
    s.launches++;
    s.blocks += total;
    if (s.pc.size() != k.module->code.size())
        s.pc.resize(k.module->code.size());
    for (auto& p : profiles)
        for (size_t i = 0; i < p.size(); i++) {
            auto &a = s.pc[i], &b = p[i];
            a.issues += b.issues;
            a.lanes += b.lanes;
            a.sectors += b.sectors;
            a.lines128 += b.lines128;
            a.wavefronts += b.wavefronts;
            a.ideal += b.ideal;
        }
    char shape[96];
    snprintf(shape, sizeof shape, "%u,%u,%u x %u,%u,%u", gx, gy, gz, bx, by, bz);
    s.shapes[shape]++;
    s.maxWarpIssues = std::max(s.maxWarpIssues, longest.load());
    s.sumMaxWarpIssues += longest;
    s.barriers += barriers;
    s.seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    return code;
}
