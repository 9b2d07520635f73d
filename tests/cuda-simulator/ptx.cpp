#include "ptx.hpp"
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <set>
#include <stdexcept>

const char* const ClassNames[CCount] = {"none",      "fma",       "fp",        "sfu",       "int",       "mov",      "cvt",
                                        "setp/selp", "ld.global", "st.global", "ld.shared", "st.shared", "ld.local", "st.local",
                                        "atom",      "bra",       "bar",       "call/ret",  "param"};

namespace {
struct Fail : std::runtime_error {
    using runtime_error::runtime_error;
};

std::vector<std::string> split(const std::string& s, char c) {
    std::vector<std::string> out;
    size_t b = 0, e;
    while ((e = s.find(c, b)) != std::string::npos) {
        out.push_back(s.substr(b, e - b));
        b = e + 1;
    }
    out.push_back(s.substr(b));
    return out;
}
std::string trim(const std::string& s) {
    size_t b = s.find_first_not_of(" \t\r\n"), e = s.find_last_not_of(" \t\r\n");
    return b == std::string::npos ? "" : s.substr(b, e - b + 1);
}
Ty typeOf(const std::string& s) {
    static const std::map<std::string, Ty> m = {{"pred", Pred}, {"b8", B8},   {"s8", S8},   {"u8", U8},   {"b16", B16}, {"s16", S16},
                                                {"u16", U16},   {"b32", B32}, {"s32", S32}, {"u32", U32}, {"b64", B64}, {"s64", S64},
                                                {"u64", U64},   {"f16", F16}, {"f32", F32}, {"f64", F64}};
    auto i = m.find(s);
    return i == m.end() ? TNone : i->second;
}
// Commas outside of braces, brackets and parentheses.
std::vector<std::string> operands(const std::string& s) {
    std::vector<std::string> out;
    int depth = 0;
    std::string cur;
    for (char c : s) {
        if (c == '{' || c == '[' || c == '(')
            depth++;
        if (c == '}' || c == ']' || c == ')')
            depth--;
        if (c == ',' && depth == 0) {
            out.push_back(trim(cur));
            cur.clear();
        } else
            cur += c;
    }
    if (!trim(cur).empty())
        out.push_back(trim(cur));
    return out;
}

struct Parser {
    Module& m;
    struct Stmt {
        std::string text;
        u32 line;
    };
    std::vector<Stmt> stmts;
    // of the current function
    std::unordered_map<std::string, i32> regs;
    std::unordered_map<std::string, Ty> regTypes;
    std::unordered_map<std::string, int> labels;
    std::vector<std::pair<int, std::string>> fixups;
    std::vector<std::pair<int, std::string>> tableFixups;
    std::vector<std::unordered_map<std::string, ParamVar>> scopes;
    std::unordered_map<std::string, u64> symbols;
    std::vector<std::pair<int, std::string>> callFixups;
    std::map<std::pair<u64, int>, i32> constantSlots;
    struct PendingCall {
        int at;
        std::string callee;
        std::vector<ParamVar> args;
        ParamVar ret;
        bool hasRet;
    };
    std::vector<PendingCall> calls;
    std::map<std::string, std::vector<std::string>> targets;
    Function* f = nullptr;
    u32 line = 0;

    explicit Parser(Module& m) : m(m) {}

    i32 newSlot(int size) {
        if (size == 8 && (m.slots & 1))
            m.slots++;
        i32 s = m.slots;
        m.slots += size == 8 ? 2 : 1;
        return s;
    }
    i32 constant(u64 v, int size) {
        auto key = std::make_pair(v, size);
        auto i = constantSlots.find(key);
        if (i != constantSlots.end())
            return i->second;
        i32 s = newSlot(size);
        constantSlots[key] = s;
        m.constants.push_back({s, v, size});
        return s;
    }

    void statements() {
        const std::string& t = m.text;
        u32 ln = 1;
        std::string cur;
        u32 start = 1;
        bool any = false;
        auto flush = [&] {
            std::string s = trim(cur);
            if (!s.empty())
                stmts.push_back({s, start});
            cur.clear();
            any = false;
        };
        int paren = 0;
        int brace = 0;
        for (size_t i = 0; i < t.size(); i++) {
            char c = t[i];
            if (c == '/' && i + 1 < t.size() && t[i + 1] == '/') {
                while (i < t.size() && t[i] != '\n')
                    i++;
                c = '\n';
                if (i >= t.size())
                    break;
            }
            if (c == '\n') {
                ln++;
                std::string s = trim(cur);
                if (paren == 0 && brace == 0 &&
                    ((s.find(".entry") != std::string::npos && s.back() == ')') || s.rfind(".version", 0) == 0 ||
                     s.rfind(".target", 0) == 0 || s.rfind(".address_size", 0) == 0 || s.rfind(".maxntid", 0) == 0 ||
                     s.rfind(".minnctapersm", 0) == 0 || s.rfind(".maxnreg", 0) == 0)) {
                    flush();
                    continue;
                }
                cur += ' ';
                continue;
            }
            if (!any && !isspace((unsigned char)c)) {
                any = true;
                start = ln;
            }
            if (c == '(')
                paren++;
            if (c == ')')
                paren--;
            // A vector operand's brace follows an instruction; a block's stands alone or after a header.
            if (c == '{') {
                std::string s = trim(cur);
                bool header = s.empty() || s.find(".entry") != std::string::npos || s.find(".func") != std::string::npos;
                if (header && brace == 0) {
                    flush();
                    stmts.push_back({"{", ln});
                    continue;
                }
                brace++;
            }
            if (c == '}') {
                if (brace > 0)
                    brace--;
                else {
                    flush();
                    stmts.push_back({"}", ln});
                    continue;
                }
            }
            if (c == ';' && paren == 0) {
                flush();
                continue;
            }
            if (c == ':' && brace == 0 && paren == 0) {
                std::string s = trim(cur);
                if (s.find(' ') == std::string::npos && s.find('\t') == std::string::npos) {
                    cur += c;
                    flush();
                    continue;
                }
            }
            cur += c;
        }
        flush();
    }

    ParamVar declareParam(const std::string& decl, std::string& name, bool kernel, int& offset) {
        // .param .b32 name | .param .align 8 .b8 name[24]
        auto words = split(decl, ' ');
        int align = 0;
        Ty ty = TNone;
        name.clear();
        int count = 1;
        for (size_t i = 0; i < words.size(); i++) {
            std::string w = trim(words[i]);
            if (w.empty() || w == ".param")
                continue;
            if (w == ".align") {
                align = atoi(words[++i].c_str());
                continue;
            }
            if (w[0] == '.' && typeOf(w.substr(1)) != TNone) {
                ty = typeOf(w.substr(1));
                continue;
            }
            name = w;
        }
        size_t br = name.find('[');
        if (br != std::string::npos) {
            count = atoi(name.c_str() + br + 1);
            name = name.substr(0, br);
        }
        if (name.empty() || ty == TNone)
            throw Fail("cannot read parameter '" + decl + "'");
        ParamVar v;
        v.size = count * bytes(ty);
        v.kernel = kernel;
        int a = std::max(align, bytes(ty));
        if (kernel) {
            offset = (offset + a - 1) / a * a;
            v.offset = offset;
            offset += v.size;
        } else {
            int n = (v.size + 3) / 4;
            if (m.slots & 1)
                m.slots++;
            v.slot = m.slots;
            m.slots += n;
        }
        return v;
    }

    ParamVar findParam(const std::string& name) {
        for (size_t i = scopes.size(); i-- > 0;) {
            auto it = scopes[i].find(name);
            if (it != scopes[i].end())
                return it->second;
        }
        throw Fail("unknown parameter " + name);
    }

    i32 special(const std::string& n) {
        static const char* names[] = {"tid.x",   "tid.y",   "tid.z",    "ntid.x",   "ntid.y",   "ntid.z", "ctaid.x",
                                      "ctaid.y", "ctaid.z", "nctaid.x", "nctaid.y", "nctaid.z", "laneid", "dynamic_smem_size",
                                      "warpid"};
        for (int i = 0; i < 15; i++)
            if (n == names[i])
                return m.special[i];
        return -1;
    }

    i32 reg(const std::string& t, int size) {
        if (t.empty())
            throw Fail("missing operand");
        if (t[0] == '%') {
            std::string n = t.substr(1);
            i32 sp = special(n);
            if (sp >= 0)
                return sp;
            auto i = regs.find(n);
            if (i == regs.end())
                throw Fail("undeclared register %" + n);
            int have = bytes(regTypes[n]) == 8 ? 8 : 4, want = size == 8 ? 8 : 4;
            if (have != want)
                throw Fail("operand %" + n + " has the wrong size for the instruction");
            return i->second;
        }
        if (t[0] == '0' && t.size() == 10 && (t[1] == 'f' || t[1] == 'F'))
            return constant(strtoull(t.c_str() + 2, nullptr, 16), 4);
        if (t[0] == '0' && t.size() == 18 && (t[1] == 'd' || t[1] == 'D'))
            return constant(strtoull(t.c_str() + 2, nullptr, 16), 8);
        if (isdigit((unsigned char)t[0]) || t[0] == '-') {
            u64 v = t[0] == '-' ? (u64)strtoll(t.c_str(), nullptr, 0) : strtoull(t.c_str(), nullptr, 0);
            if (size < 8)
                v &= 0xffffffffull;
            if (size == 2)
                v &= 0xffff;
            if (size == 1)
                v &= 0xff;
            return constant(v, size == 8 ? 8 : 4);
        }
        auto s = symbols.find(t);
        if (s != symbols.end())
            return constant(size == 8 ? s->second : (u32)s->second, size == 8 ? 8 : 4);
        auto g = m.symbols.find(t);
        if (g != m.symbols.end())
            return constant(g->second, size == 8 ? 8 : 4);
        throw Fail("cannot read operand '" + t + "'");
    }

    // [%rd1+16], [name+8]
    void address(const std::string& t, std::string& base, i64& off) {
        if (t.size() < 3 || t[0] != '[')
            throw Fail("no address: " + t);
        std::string s = trim(t.substr(1, t.size() - 2));
        size_t p = s.find('+');
        off = 0;
        if (p != std::string::npos) {
            off = strtoll(s.c_str() + p + 1, nullptr, 0);
            s = trim(s.substr(0, p));
        }
        base = s;
    }

    void vectorRegs(const std::string& t, i32* out, u8& n, int size) {
        if (t[0] != '{') {
            out[0] = reg(t, size);
            n = 1;
            return;
        }
        auto parts = operands(t.substr(1, t.size() - 2));
        n = 0;
        for (auto& p : parts)
            out[n++] = reg(p, size);
    }

    Insn& emit(Op op, u8 cls) {
        m.code.emplace_back();
        Insn& i = m.code.back();
        i.op = op;
        i.cls = cls;
        i.line = line;
        return i;
    }

    void paramAccess(bool load, const ParamVar& v, i64 off, Ty ty, const std::string& r) {
        int n = bytes(ty);
        if (off + n > v.size)
            throw Fail("parameter access out of range");
        if (off % n)
            throw Fail("misaligned parameter access");
        if (load && v.kernel) {
            Insn& i = emit(LdKernel, CParam);
            i.ty = ty;
            i.imm = v.offset + off;
            i.d[0] = reg(r, n);
            return;
        }
        Insn& i = emit(load ? LdParam : StParam, CParam);
        i.ty = ty;
        i.imm = off % 4;
        i32 word = v.slot + (i32)(off / 4);
        if (load) {
            i.d[0] = reg(r, n);
            i.s[0] = word;
        } else {
            i.s[0] = reg(r, n);
            i.d[0] = word;
        }
    }

    void instruction(std::string s) {
        i32 guard = -1;
        bool neg = false;
        if (s[0] == '@') {
            size_t e = s.find_first_of(" \t");
            std::string g = s.substr(1, e - 1);
            if (g[0] == '!') {
                neg = true;
                g = g.substr(1);
            }
            guard = reg(g, 4);
            s = trim(s.substr(e));
        }
        size_t e = s.find_first_of(" \t");
        std::string mn = s.substr(0, e), rest = e == std::string::npos ? "" : trim(s.substr(e));
        auto mods = split(mn, '.');
        std::string b = mods[0];
        auto ops = operands(rest);
        auto has = [&](const char* x) { return std::find(mods.begin() + 1, mods.end(), x) != mods.end(); };
        Ty last = typeOf(mods.back());
        size_t at = m.code.size();
        auto arity = [&](size_t n) {
            if (ops.size() != n)
                throw Fail("'" + s + "' has " + std::to_string(ops.size()) + " operands");
        };
        auto bin = [&](Op op, u8 cls) {
            arity(3);
            int n = bytes(last);
            Insn& i = emit(op, cls);
            i.ty = last;
            i.d[0] = reg(ops[0], n);
            i.s[0] = reg(ops[1], n);
            i.s[1] = reg(ops[2], n);
        };
        auto un = [&](Op op, u8 cls) {
            arity(2);
            int n = bytes(last);
            Insn& i = emit(op, cls);
            i.ty = last;
            i.d[0] = reg(ops[0], n);
            i.s[0] = reg(ops[1], n);
            i.approx = has("approx");
        };
        u8 arith = last == F32 || last == F64 ? CFma : CInt;

        if (b == "mov") {
            arity(2);
            int n = bytes(last);
            i32 d = reg(ops[0], n), a = reg(ops[1], n);
            Insn& i = emit(Mov, CMov);
            i.ty = last;
            i.d[0] = d;
            i.s[0] = a;
        } else if (b == "add")
            bin(Add, arith);
        else if (b == "sub")
            bin(Sub, arith);
        else if (b == "mul") {
            if (isFloat(last) || has("lo"))
                bin(Mul, arith);
            else if (has("hi"))
                bin(MulHi, CInt);
            else if (has("wide")) {
                arity(3);
                int n = bytes(last);
                Insn& i = emit(MulWide, CInt);
                i.ty = last;
                i.d[0] = reg(ops[0], 2 * n);
                i.s[0] = reg(ops[1], n);
                i.s[1] = reg(ops[2], n);
            } else
                throw Fail("integer multiplication without .lo, .hi or .wide: " + mn);
        } else if (b == "mad" || b == "fma") {
            arity(4);
            int n = bytes(last);
            bool wide = has("wide");
            Insn& i = emit(isFloat(last) ? Fma : wide ? MadWide : has("hi") ? MadHi : Mad, arith);
            i.ty = last;
            if (!isFloat(last) && !wide && !has("lo") && !has("hi"))
                throw Fail("mad without .lo, .hi or .wide");
            i.d[0] = reg(ops[0], wide ? 2 * n : n);
            i.s[0] = reg(ops[1], n);
            i.s[1] = reg(ops[2], n);
            i.s[2] = reg(ops[3], wide ? 2 * n : n);
        } else if (b == "div")
            bin(Div, isFloat(last) ? CFp : CInt), m.code.back().approx = has("approx") || has("full");
        else if (b == "rem")
            bin(Rem, CInt);
        else if (b == "min")
            bin(Min, isFloat(last) ? CFp : CInt), m.code.back().unordered = has("NaN");
        else if (b == "max")
            bin(Max, isFloat(last) ? CFp : CInt), m.code.back().unordered = has("NaN");
        else if (b == "and")
            bin(And, CInt);
        else if (b == "or")
            bin(Or, CInt);
        else if (b == "xor")
            bin(Xor, CInt);
        else if (b == "shl" || b == "shr") {
            arity(3);
            int n = bytes(last);
            Insn& i = emit(b == "shl" ? Shl : Shr, CInt);
            i.ty = last;
            i.d[0] = reg(ops[0], n);
            i.s[0] = reg(ops[1], n);
            i.s[1] = reg(ops[2], 4);
        } else if (b == "not")
            un(Not, CInt);
        else if (b == "neg")
            un(Neg, isFloat(last) ? CFp : CInt);
        else if (b == "abs")
            un(Abs, isFloat(last) ? CFp : CInt);
        else if (b == "popc" || b == "clz") {
            arity(2);
            Insn& i = emit(b == "popc" ? Popc : Clz, CInt);
            i.ty = last;
            i.d[0] = reg(ops[0], 4);
            i.s[0] = reg(ops[1], bytes(last));
        } else if (b == "sqrt")
            un(Sqrt, CSfu);
        else if (b == "rsqrt")
            un(Rsqrt, CSfu);
        else if (b == "rcp")
            un(Rcp, CSfu);
        else if (b == "ex2")
            un(Ex2, CSfu);
        else if (b == "lg2")
            un(Lg2, CSfu);
        else if (b == "sin")
            un(Sin, CSfu);
        else if (b == "cos")
            un(Cos, CSfu);
        else if (b == "tanh")
            un(Tanh, CSfu);
        else if (b == "copysign")
            bin(CopySign, CFp);
        else if (b == "testp") {
            arity(2);
            Insn& i = emit(TestP, CSet);
            i.ty = last;
            i.d[0] = reg(ops[0], 4);
            i.s[0] = reg(ops[1], bytes(last));
            i.sub = has("finite") ? 0 : has("infinite") ? 1 : has("notanumber") ? 2 : 3;
            if (i.sub == 3)
                throw Fail(mn);
        } else if (b == "setp") {
            if (ops.size() != 3 && ops.size() != 4)
                throw Fail(s);
            static const std::map<std::string, std::pair<Cmp, bool>> cmps = {
                {"eq", {Eq, 0}},  {"ne", {Ne, 0}},  {"lt", {Lt, 0}},  {"le", {Le, 0}},  {"gt", {Gt, 0}},   {"ge", {Ge, 0}},
                {"lo", {Lt, 0}},  {"ls", {Le, 0}},  {"hi", {Gt, 0}},  {"hs", {Ge, 0}},  {"equ", {Eq, 1}},  {"neu", {Ne, 1}},
                {"ltu", {Lt, 1}}, {"leu", {Le, 1}}, {"gtu", {Gt, 1}}, {"geu", {Ge, 1}}, {"num", {Num, 0}}, {"nan", {Nan, 0}}};
            auto c = cmps.find(mods[1]);
            if (c == cmps.end())
                throw Fail("comparison " + mn);
            Insn& i = emit(Setp, CSet);
            i.ty = last;
            int n = bytes(last);
            i.sub = c->second.first;
            i.unordered = c->second.second;
            bool uns = mods[1] == "lo" || mods[1] == "ls" || mods[1] == "hi" || mods[1] == "hs";
            if (uns && isSigned(last))
                throw Fail(mn);
            i.d[0] = reg(ops[0], 4);
            i.s[0] = reg(ops[1], n);
            i.s[1] = reg(ops[2], n);
            if (ops.size() == 4) {
                i.boolOp = has("and") ? '&' : has("or") ? '|' : '^';
                i.s[2] = reg(ops[3], 4);
            }
        } else if (b == "selp") {
            arity(4);
            int n = bytes(last);
            Insn& i = emit(Selp, CSet);
            i.ty = last;
            i.d[0] = reg(ops[0], n);
            i.s[0] = reg(ops[1], n);
            i.s[1] = reg(ops[2], n);
            i.s[2] = reg(ops[3], 4);
        } else if (b == "cvt") {
            arity(2);
            Insn& i = emit(Cvt, CCvt);
            i.ty = typeOf(mods[mods.size() - 2]);
            i.from = last;
            i.round = has("rzi") ? 'z' : has("rni") ? 'r' : has("rmi") ? 'm' : has("rpi") ? 'p' : has("rz") ? 'Z' : 'n';
            if (i.ty == TNone || i.from == TNone)
                throw Fail(mn);
            i.d[0] = reg(ops[0], bytes(i.ty));
            i.s[0] = reg(ops[1], bytes(i.from));
        } else if (b == "cvta") {
            arity(2);
            Insn& i = emit(has("to") ? CvtaTo : CvtaFrom, CInt);
            i.ty = last;
            i.space = has("global") ? Global : has("shared") ? Shared : has("local") ? Local : Generic;
            i.d[0] = reg(ops[0], 8);
            i.s[0] = reg(ops[1], 8);
        } else if (b == "ld" || b == "st") {
            arity(2);
            bool load = b == "ld";
            int n = bytes(last);
            std::string base;
            i64 off;
            address(ops[load ? 1 : 0], base, off);
            if (has("param")) {
                paramAccess(load, findParam(base), off, last, ops[load ? 0 : 1]);
            } else {
                Space sp = has("global") ? Global : has("shared") ? Shared : has("local") ? Local : has("const") ? Const : Generic;
                Insn i;
                i.op = load ? Ld : St;
                i.line = line;
                i.ty = last;
                i.space = sp;
                i.imm = off;
                i.vol = has("volatile") || has("relaxed") || has("acquire") || has("release");
                i.cls = sp == Shared ? (load ? CLdS : CStS) : sp == Local ? (load ? CLdL : CStL) : (load ? CLdG : CStG);
                u8 v = 1;
                vectorRegs(ops[load ? 0 : 1], load ? i.d : i.s, v, n);
                i.vec = v;
                int want = has("v2") ? 2 : has("v4") ? 4 : 1;
                if (want != v)
                    throw Fail("vector operand does not match " + mn);
                (load ? i.s[0] : i.d[0]) = reg(base, 8);
                m.code.push_back(i);
            }
        } else if (b == "atom" || b == "red") {
            bool at2 = b == "atom";
            Insn i;
            i.op = at2 ? Atom : Red;
            i.cls = CAtom;
            i.line = line;
            i.ty = last;
            i.space = has("global") ? Global : has("shared") ? Shared : Generic;
            static const std::pair<const char*, AtomOp> names[] = {{"add", AAdd}, {"and", AAnd}, {"or", AOr},     {"xor", AXor},
                                                                   {"max", AMax}, {"min", AMin}, {"exch", AExch}, {"cas", ACas}};
            bool found = false;
            for (auto& p : names)
                if (has(p.first)) {
                    i.sub = p.second;
                    found = true;
                }
            if (!found)
                throw Fail(mn);
            size_t k = 0;
            int n = bytes(last);
            if (at2)
                i.d[0] = reg(ops[k++], n);
            std::string base;
            address(ops[k++], base, i.imm);
            i.s[0] = reg(base, 8);
            i.s[1] = reg(ops[k++], n);
            if (i.sub == ACas)
                i.s[2] = reg(ops[k++], n);
            m.code.push_back(i);
        } else if (b == "bra") {
            Insn& i = emit(Bra, CBra);
            i.uni = has("uni");
            fixups.push_back({(int)m.code.size() - 1, ops.at(0)});
        } else if (b == "brx") {
            Insn& i = emit(Brx, CBra);
            i.s[0] = reg(ops.at(0), 4);
            tableFixups.push_back({(int)m.code.size() - 1, ops.at(1)});
        } else if (b == "ret" || b == "exit") {
            Insn& i = emit(Ret, CCall);
            i.uni = has("uni");
            i.sub = b == "exit";
        } else if (b == "bar" || b == "barrier") {
            if (has("warp")) {
                emit(WarpSync, CBar);
            } else if (has("red")) {
                Insn& i = emit(BarRed, CBar);
                i.sub = has("popc") ? 0 : has("and") ? 1 : 2;
                i.d[0] = reg(ops.at(0), 4);
                i.s[0] = reg(ops.at(2), 4);
            } else {
                static const char* drop = getenv("CUSIM_DROP_BAR");
                Insn& i = emit(Bar, CBar);
                if (ops.size() != 1 || ops[0] != "0")
                    throw Fail("only bar.sync 0");
                if (drop && (int)line == atoi(drop))
                    i.op = Nop;
            } // a mutation, to see it found
        } else if (b == "membar" || b == "fence")
            emit(Membar, CBar);
        else if (b == "trap")
            emit(Trap, CBra);
        else if (b == "shfl") {
            arity(5);
            Insn& i = emit(Shfl, CInt);
            i.ty = B32;
            i.sub = has("idx") ? 0 : has("down") ? 1 : has("up") ? 2 : 3;
            i.d[0] = reg(ops[0], 4);
            i.s[0] = reg(ops[1], 4);
            i.s[1] = reg(ops[2], 4);
            i.s[2] = reg(ops[3], 4);
            i.s[3] = reg(ops[4], 4);
        } else if (b == "call") {
            PendingCall c;
            c.hasRet = false;
            size_t k = 0;
            auto inner = [](const std::string& x) { return operands(x.substr(1, x.size() - 2)); };
            if (ops[k][0] == '(') {
                c.ret = findParam(trim(inner(ops[k])[0]));
                c.hasRet = true;
                k++;
            }
            c.callee = ops[k++];
            if (k < ops.size())
                for (auto& a : inner(ops[k]))
                    if (!a.empty())
                        c.args.push_back(findParam(a));
            auto it = m.byName.find(c.callee);
            if (it == m.byName.end())
                throw Fail("call of unknown function " + c.callee);
            const Function& g = m.functions[it->second];
            if (g.paramVars.size() != c.args.size())
                throw Fail("call of " + c.callee + " with " + std::to_string(c.args.size()) + " arguments");
            auto copy = [&](const ParamVar& to, const ParamVar& from) {
                if (to.size != from.size)
                    throw Fail("argument of another size in a call of " + c.callee);
                for (int w = 0; w < (to.size + 3) / 4; w++) {
                    Insn& i = emit(Mov, CParam);
                    i.ty = B32;
                    i.d[0] = to.slot + w;
                    i.s[0] = from.slot + w;
                }
            };
            for (size_t i = 0; i < c.args.size(); i++)
                copy(g.paramVars[i], c.args[i]);
            emit(Call, CCall);
            callFixups.push_back({(int)m.code.size() - 1, c.callee});
            if (c.hasRet)
                copy(c.ret, g.ret);
        } else
            throw Fail("unknown instruction " + mn);
        for (size_t i = at; i < m.code.size(); i++) {
            m.code[i].guard = guard;
            m.code[i].guardNeg = neg;
        }
    }

    void header(const std::string& s) {
        // [.visible] .entry NAME( params )  |  [.visible] .func [(ret)] NAME ( params )
        bool entry = s.find(".entry") != std::string::npos;
        std::string rest = trim(s.substr(s.find(entry ? ".entry" : ".func") + (entry ? 6 : 5)));
        std::string ret;
        if (!entry && rest[0] == '(') {
            size_t e = rest.find(')');
            ret = rest.substr(1, e - 1);
            rest = trim(rest.substr(e + 1));
        }
        size_t p = rest.find('(');
        std::string name = trim(rest.substr(0, p)), params = p == std::string::npos ? "" : rest.substr(p + 1, rest.rfind(')') - p - 1);
        auto it = m.byName.find(name);
        if (it == m.byName.end()) {
            Function g;
            g.name = name;
            g.entry = entry;
            int off = 0;
            for (auto& d : operands(params)) {
                std::string n;
                ParamVar v = declareParam(d, n, entry, off);
                g.params.push_back({n, v.size});
                g.paramVars.push_back(v);
            }
            if (!ret.empty()) {
                std::string n;
                g.ret = declareParam(ret, n, false, off);
                g.hasRet = true;
                g.params.push_back({n, -1});
            }
            g.paramBytes = off;
            m.byName[name] = (int)m.functions.size();
            m.functions.push_back(g);
        } else {
            // a declaration went before: the names of the definition count
            Function& g = m.functions[it->second];
            size_t k = 0;
            for (auto& d : operands(params)) {
                std::string n;
                int off = 0;
                int before = m.slots;
                ParamVar v = declareParam(d, n, false, off);
                m.slots = before;
                if (k >= g.paramVars.size() || g.paramVars[k].size != v.size)
                    throw Fail("definition differs from declaration of " + name);
                g.params[k++].first = n;
            }
            if (!ret.empty()) {
                std::string n;
                int off = 0;
                int before = m.slots;
                declareParam(ret, n, false, off);
                m.slots = before;
                g.params[k].first = n;
            }
        }
        f = &m.functions[m.byName[name]];
    }

    void body(size_t& i) {
        regs.clear();
        regTypes.clear();
        labels.clear();
        fixups.clear();
        tableFixups.clear();
        scopes.clear();
        symbols.clear();
        targets.clear();
        int fi = (int)(f - m.functions.data());
        scopes.emplace_back();
        for (size_t k = 0; k < f->params.size(); k++)
            scopes[0][f->params[k].first] = f->params[k].second < 0 ? f->ret : f->paramVars[k];
        f->start = (int)m.code.size();
        int depth = 1;
        std::string lastLabel;
        for (; i < stmts.size() && depth > 0; i++) {
            std::string s = stmts[i].text;
            line = stmts[i].line;
            if (s == "{") {
                depth++;
                scopes.emplace_back();
                continue;
            }
            if (s == "}") {
                depth--;
                if (depth > 0)
                    scopes.pop_back();
                continue;
            }
            if (s.back() == ':') {
                lastLabel = s.substr(0, s.size() - 1);
                labels[lastLabel] = (int)m.code.size();
                continue;
            }
            if (s.rfind(".reg", 0) == 0) {
                auto w = split(s, ' ');
                std::string tn, n;
                for (auto& x : w) {
                    std::string y = trim(x);
                    if (y.empty())
                        continue;
                    for (auto& z : split(y, '\t')) {
                        std::string q = trim(z);
                        if (q.empty() || q == ".reg")
                            continue;
                        if (q[0] == '.')
                            tn = q.substr(1);
                        else
                            n = q;
                    }
                }
                Ty ty = typeOf(tn);
                size_t lt = n.find('<');
                if (ty == TNone || n.empty())
                    throw Fail("cannot read " + s);
                if (lt == std::string::npos) {
                    regs[n.substr(1)] = newSlot(bytes(ty));
                    regTypes[n.substr(1)] = ty;
                } else {
                    int c = atoi(n.c_str() + lt + 1);
                    std::string stem = n.substr(1, lt - 1);
                    for (int k = 0; k < c; k++) {
                        std::string r = stem + std::to_string(k);
                        regs[r] = newSlot(bytes(ty));
                        regTypes[r] = ty;
                    }
                }
                continue;
            }
            if (s.rfind(".shared", 0) == 0 || s.rfind(".local", 0) == 0) {
                bool sh = s[1] == 's';
                auto w = split(s, ' ');
                int align = 1;
                std::string n;
                Ty ty = B8;
                for (size_t k = 0; k < w.size(); k++) {
                    std::string y = trim(w[k]);
                    if (y == ".align")
                        align = atoi(w[++k].c_str());
                    else if (!y.empty() && y[0] == '.' && typeOf(y.substr(1)) != TNone)
                        ty = typeOf(y.substr(1));
                    else if (!y.empty() && y[0] != '.')
                        n = y;
                }
                size_t br = n.find('[');
                int count = br == std::string::npos ? 1 : atoi(n.c_str() + br + 1);
                n = n.substr(0, br);
                int& total = sh ? f->sharedBytes : f->localBytes;
                // As ptxas lays arrays out: one after the other, each at its own alignment and no more.
                total = (total + align - 1) / align * align;
                symbols[n] = (u64)total;
                total += count * bytes(ty);
                continue;
            }
            if (s.rfind(".param", 0) == 0) {
                std::string n;
                int off = 0;
                ParamVar v = declareParam(s, n, false, off);
                scopes.back()[n] = v;
                continue;
            }
            if (s.rfind(".branchtargets", 0) == 0) {
                auto list = operands(s.substr(14));
                targets[lastLabel] = list;
                continue;
            }
            if (s.rfind(".loc", 0) == 0 || s.rfind(".pragma", 0) == 0)
                continue;
            if (s[0] == '.')
                throw Fail("unknown directive " + s);
            instruction(s);
        }
        m.functions[fi].end = (int)m.code.size();
        f = &m.functions[fi];
        for (auto& x : fixups) {
            auto l = labels.find(x.second);
            if (l == labels.end())
                throw Fail("unknown label " + x.second);
            m.code[x.first].target = l->second;
        }
        for (auto& x : tableFixups) {
            m.code[x.first].target = (i32)m.tables.size();
            m.tables.emplace_back();
            auto t = targets.find(x.second);
            if (t == targets.end())
                throw Fail("no branch targets " + x.second);
            for (auto& l : t->second)
                m.tables.back().push_back(labels.at(l));
        }
        if (f->start == f->end || m.code.back().op != Ret || m.code.back().guard >= 0) {
            line = stmts[i - 1].line;
            emit(Ret, CCall);
            f->end = (int)m.code.size();
        }
    }

    // What the driver's compiler does by default: a product that only an addition uses becomes a fused multiply-add.
    void fuse() {
        for (auto& g : m.functions) {
            if (g.start < 0)
                continue;
            int n = g.end - g.start;
            std::map<i32, int> index;
            auto id = [&](i32 s) {
                auto it = index.find(s);
                if (it != index.end())
                    return it->second;
                int k = (int)index.size();
                index[s] = k;
                return k;
            };
            std::vector<std::vector<int>> uses(n), defs(n);
            for (int i = 0; i < n; i++) {
                const Insn& I = m.code[g.start + i];
                auto f32 = [&](i32 s) { return s >= 0; };
                for (int k = 0; k < 4; k++) {
                    if (f32(I.s[k]))
                        uses[i].push_back(id(I.s[k]));
                    if (f32(I.d[k]))
                        (I.op == St ? uses : defs)[i].push_back(id(I.d[k]));
                }
                if (I.guard >= 0) {
                    uses[i].push_back(id(I.guard));
                    for (int dd : defs[i])
                        uses[i].push_back(dd);
                }
            }
            int w = ((int)index.size() + 63) / 64;
            std::vector<u64> in((size_t)n * w), out((size_t)n * w);
            bool changed = true;
            while (changed) {
                changed = false;
                for (int i = n; i-- > 0;) {
                    const Insn& I = m.code[g.start + i];
                    u64* o = &out[(size_t)i * w];
                    std::vector<u64> old(o, o + w);
                    auto join = [&](int j) {
                        if (j >= 0 && j < n)
                            for (int k = 0; k < w; k++)
                                o[k] |= in[(size_t)j * w + k];
                    };
                    bool falls = !((I.op == Bra || I.op == Ret) && I.guard < 0) && I.op != Brx;
                    if (falls)
                        join(i + 1);
                    if (I.op == Bra)
                        join(I.target - g.start);
                    if (I.op == Brx)
                        for (i32 t : m.tables[I.target])
                            join(t - g.start);
                    u64* q = &in[(size_t)i * w];
                    std::vector<u64> now(o, o + w);
                    for (int dd : defs[i])
                        now[dd / 64] &= ~(1ull << (dd % 64));
                    for (int uu : uses[i])
                        now[uu / 64] |= 1ull << (uu % 64);
                    if (memcmp(now.data(), q, w * 8)) {
                        memcpy(q, now.data(), w * 8);
                        changed = true;
                    }
                }
            }
            std::vector<char> leader(n + 1, 0);
            for (int i = 0; i < n; i++) {
                const Insn& I = m.code[g.start + i];
                if (I.op == Bra) {
                    leader[I.target - g.start] = 1;
                    leader[i + 1] = 1;
                }
                if (I.op == Brx) {
                    for (i32 t : m.tables[I.target])
                        leader[t - g.start] = 1;
                }
                if (I.op == Call || I.op == Ret)
                    leader[i + 1] = 1;
            }
            for (int i = 0; i < n; i++) {
                Insn& M = m.code[g.start + i];
                if (M.op != Mul || M.ty != F32 || M.guard >= 0)
                    continue;
                int t = id(M.d[0]);
                int use = -1;
                bool ok = true;
                for (int j = i + 1; j < n && ok; j++) {
                    if (leader[j]) {
                        ok = false;
                        break;
                    }
                    bool u = std::find(uses[j].begin(), uses[j].end(), t) != uses[j].end();
                    if (u) {
                        use = j;
                        break;
                    }
                    // operands of the product must still be there
                    for (int dd : defs[j])
                        if (dd == id(M.s[0]) || dd == id(M.s[1]) || dd == t)
                            ok = false;
                }
                if (!ok || use < 0)
                    continue;
                Insn& A = m.code[g.start + use];
                if ((A.op != Add && A.op != Sub) || A.ty != F32 || A.guard >= 0)
                    continue;
                bool first = A.s[0] == M.d[0], second = A.s[1] == M.d[0];
                if (first == second)
                    continue;
                bool again = std::find(defs[use].begin(), defs[use].end(), t) != defs[use].end();
                bool live = !again && (out[(size_t)use * w + t / 64] >> (t % 64) & 1);
                if (live)
                    continue;
                i32 c = first ? A.s[1] : A.s[0];
                bool sub = A.op == Sub;
                A.op = Fma;
                A.negA = sub && second;
                A.negC = sub && first;
                A.s[0] = M.s[0];
                A.s[1] = M.s[1];
                A.s[2] = c;
                uses[use].clear();
                for (int k = 0; k < 3; k++)
                    uses[use].push_back(id(A.s[k]));
                M.op = Nop;
                M.cls = CNone;
                M.d[0] = -1;
                defs[i].clear();
                uses[i].clear();
                m.fused++;
            }
        }
    }

    // Where the ways of a branch meet again: its immediate post-dominator, at which hardware joins a divided warp.
    void reconvergence() {
        for (auto& g : m.functions) {
            if (g.start < 0)
                continue;
            int n = g.end - g.start;
            std::vector<int> leader(n + 1, 0);
            leader[0] = 1;
            auto branch = [](const Insn& I) { return I.op == Bra || I.op == Brx || I.op == Ret; };
            for (int i = 0; i < n; i++) {
                const Insn& I = m.code[g.start + i];
                if (I.op == Bra)
                    leader[I.target - g.start] = 1;
                if (I.op == Brx)
                    for (i32 t : m.tables[I.target])
                        leader[t - g.start] = 1;
                if (branch(I))
                    leader[i + 1] = 1;
            }
            std::vector<int> block(n), first;
            for (int i = 0; i < n; i++) {
                if (leader[i])
                    first.push_back(i);
                block[i] = (int)first.size() - 1;
            }
            int b = (int)first.size(), exit = b;
            std::vector<std::vector<int>> next(b + 1), before(b + 1);
            auto edge = [&](int x, int y) {
                next[x].push_back(y);
                before[y].push_back(x);
            };
            for (int x = 0; x < b; x++) {
                int lastI = (x + 1 < b ? first[x + 1] : n) - 1;
                const Insn& I = m.code[g.start + lastI];
                bool falls = !((I.op == Bra || I.op == Ret) && I.guard < 0) && I.op != Brx;
                if (I.op == Bra)
                    edge(x, block[I.target - g.start]);
                if (I.op == Ret)
                    edge(x, exit);
                if (I.op == Brx)
                    for (i32 t : m.tables[I.target])
                        edge(x, block[t - g.start]);
                if (falls)
                    edge(x, x + 1 < b ? x + 1 : exit);
            }
            // order of a walk from the exit against the edges
            std::vector<int> order, number(b + 1, -1), state(b + 1, 0);
            std::vector<std::pair<int, size_t>> st{{exit, 0}};
            state[exit] = 1;
            while (!st.empty()) {
                auto& [x, k] = st.back();
                if (k < before[x].size()) {
                    int y = before[x][k++];
                    if (!state[y]) {
                        state[y] = 1;
                        st.push_back({y, 0});
                    }
                } else {
                    number[x] = (int)order.size();
                    order.push_back(x);
                    st.pop_back();
                }
            }
            std::vector<int> ip(b + 1, -1);
            ip[exit] = exit;
            bool changed = true;
            auto meet = [&](int x, int y) {
                while (x != y) {
                    while (number[x] < number[y])
                        x = ip[x];
                    while (number[y] < number[x])
                        y = ip[y];
                }
                return x;
            };
            while (changed) {
                changed = false;
                for (size_t k = order.size(); k-- > 0;) {
                    int x = order[k];
                    if (x == exit)
                        continue;
                    int now = -1;
                    for (int y : next[x])
                        if (ip[y] >= 0)
                            now = now < 0 ? y : meet(now, y);
                    if (now >= 0 && ip[x] != now) {
                        ip[x] = now;
                        changed = true;
                    }
                }
            }
            for (int i = 0; i < n; i++) {
                Insn& I = m.code[g.start + i];
                if ((I.op == Bra && I.guard >= 0) || I.op == Brx) {
                    int p = ip[block[i]];
                    I.d[0] = p < 0 || p == exit ? -1 : g.start + first[p];
                }
            }
        }
    }

    void run(bool doFuse) {
        for (auto& s : m.special)
            s = newSlot(4);
        statements();
        for (size_t i = 0; i < stmts.size(); i++) {
            std::string s = stmts[i].text;
            line = stmts[i].line;
            if (s.rfind(".version", 0) == 0) {
                m.version = trim(s.substr(8));
                sscanf(m.version.c_str(), "%d.%d", &m.isaMajor, &m.isaMinor);
            } else if (s.rfind(".target", 0) == 0) {
                m.target = trim(s.substr(7));
                size_t p = m.target.find("sm_");
                m.cc = p == std::string::npos ? 0 : atoi(m.target.c_str() + p + 3);
            } else if (s.rfind(".address_size", 0) == 0) {
                if (trim(s.substr(13)) != "64")
                    throw Fail("32-bit addresses");
            } else if (s.find(".entry") != std::string::npos || s.find(".func") != std::string::npos) {
                header(s);
            } else if (s.rfind(".maxntid", 0) == 0) {
                if (f)
                    f->maxThreads = atoi(s.c_str() + 8);
            } else if (s.rfind(".minnctapersm", 0) == 0) {
                if (f)
                    f->minBlocks = atoi(s.c_str() + 13);
            } else if (s.rfind(".extern .shared", 0) == 0) {
                m.symbols["__dyn_shared_alloca"] = 0;
            } else if (s == "{") {
                i++;
                body(i);
                i--;
            } else if (s.rfind(".pragma", 0) == 0 || s.rfind(".file", 0) == 0) {
            } else
                throw Fail("unknown statement " + s);
        }
        for (auto& c : callFixups) {
            const Function& g = m.functions[m.byName.at(c.second)];
            if (g.start < 0)
                throw Fail("function without a body: " + c.second);
            m.code[c.first].target = g.start;
        }
        if (doFuse)
            fuse();
        reconvergence();
    }
};
} // namespace

bool Module::parse(const char* t, bool fuse) {
    text = t;
    lines = split(text, '\n');
    for (auto& l : lines)
        l = trim(l);
    Parser p(*this);
    try {
        p.run(fuse);
    } catch (const std::exception& e) {
        error = "ptxas simulator, line " + std::to_string(p.line) + "; error : " + e.what();
        return false;
    }
    return true;
}
