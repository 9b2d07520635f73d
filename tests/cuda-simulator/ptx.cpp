#include "ptx.hpp"
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <unordered_map>

const char* const ClassNames[ClassCount] = {"none",      "fma",       "fp",        "sfu",       "int",       "mov",      "cvt",
                                            "setp/selp", "ld.global", "st.global", "ld.shared", "st.shared", "ld.local", "st.local",
                                            "atom",      "bra",       "bar",       "call/ret",  "param"};

namespace {
const char* const SpecialRegisterNames[SpecialRegisterCount] = {
    "tid.x",   "tid.y",   "tid.z",    "ntid.x",   "ntid.y",   "ntid.z", "ctaid.x",
    "ctaid.y", "ctaid.z", "nctaid.x", "nctaid.y", "nctaid.z", "laneid", "dynamic_smem_size",
    "warpid"};

struct ParseError : std::runtime_error {
    using runtime_error::runtime_error;
};

std::vector<std::string> split(const std::string& text, char separator) {
    std::vector<std::string> parts;
    size_t begin = 0, end;
    while ((end = text.find(separator, begin)) != std::string::npos) {
        parts.push_back(text.substr(begin, end - begin));
        begin = end + 1;
    }
    parts.push_back(text.substr(begin));
    return parts;
}

const char* const Blanks = " \t\r\n";

std::string trim(const std::string& text) {
    size_t begin = text.find_first_not_of(Blanks), end = text.find_last_not_of(Blanks);
    return begin == std::string::npos ? "" : text.substr(begin, end - begin + 1);
}

std::vector<std::string> splitWords(const std::string& text) {
    std::vector<std::string> words;
    size_t begin = 0;
    while ((begin = text.find_first_not_of(Blanks, begin)) != std::string::npos) {
        size_t end = std::min(text.find_first_of(Blanks, begin), text.size());
        words.push_back(text.substr(begin, end - begin));
        begin = end;
    }
    return words;
}

// At commas outside of braces, brackets and parentheses.
std::vector<std::string> splitOperands(const std::string& text) {
    std::vector<std::string> parts;
    int depth = 0;
    std::string current;
    for (char c : text) {
        if (c == '{' || c == '[' || c == '(')
            depth++;
        if (c == '}' || c == ']' || c == ')')
            depth--;
        if (c == ',' && depth == 0) {
            parts.push_back(trim(current));
            current.clear();
        } else
            current += c;
    }
    if (!trim(current).empty())
        parts.push_back(trim(current));
    return parts;
}

bool startsWith(const std::string& text, const char* start) {
    return text.rfind(start, 0) == 0;
}

bool contains(const std::string& text, const char* part) {
    return text.find(part) != std::string::npos;
}

// What is between two brackets.
std::string inner(const std::string& text) {
    return text.substr(1, text.size() - 2);
}

int roundUp(int value, int unit) {
    return (value + unit - 1) / unit * unit;
}

Type typeOf(const std::string& name) {
    static const std::map<std::string, Type> types = {{"pred", Pred}, {"b8", B8},   {"s8", S8},   {"u8", U8},   {"b16", B16}, {"s16", S16},
                                                      {"u16", U16},   {"b32", B32}, {"s32", S32}, {"u32", U32}, {"b64", B64}, {"s64", S64},
                                                      {"u64", U64},   {"f16", F16}, {"f32", F32}, {"f64", F64}};
    auto found = types.find(name);
    return found == types.end() ? NoType : found->second;
}

struct Statement {
    std::string text;
    u32 line;
};

// Divides PTX into statements without their semicolons. Braces of blocks, labels and directives are statements, too.
class StatementReader {
    const std::string& text;
    std::vector<Statement> statements;
    std::string current; // a statement that has begun
    u32 line = 1, startLine = 1;
    bool begun = false;
    int parentheses = 0, braces = 0; // braces are those of vector operands

    void end() {
        std::string statement = trim(current);
        if (!statement.empty())
            statements.push_back({statement, startLine});
        current.clear();
        begun = false;
    }

    // Directives end with their lines, not with semicolons.
    bool directiveEnds() const {
        if (parentheses || braces)
            return false;
        std::string statement = trim(current);
        if (contains(statement, ".entry") && statement.back() == ')')
            return true;
        for (const char* directive : {".version", ".target", ".address_size", ".maxntid", ".minnctapersm", ".maxnreg"})
            if (startsWith(statement, directive))
                return true;
        return false;
    }

    // A vector operand's brace follows an instruction; a block's stands alone or after a function's header.
    bool opensBlock() const {
        std::string statement = trim(current);
        return braces == 0 && (statement.empty() || contains(statement, ".entry") || contains(statement, ".func"));
    }

    bool isLabel() const { return braces == 0 && parentheses == 0 && trim(current).find_first_of(" \t") == std::string::npos; }

    void brace(char c) {
        end();
        statements.push_back({std::string(1, c), line});
    }

    void add(char c) {
        if (c == '\n') {
            line++;
            if (directiveEnds())
                end();
            else
                current += ' ';
            return;
        }
        if (!begun && !isspace((unsigned char)c)) {
            begun = true;
            startLine = line;
        }
        if (c == '(')
            parentheses++;
        if (c == ')')
            parentheses--;
        if ((c == '{' && opensBlock()) || (c == '}' && braces == 0))
            return brace(c);
        if (c == '{')
            braces++;
        if (c == '}')
            braces--;
        if (c == ';' && parentheses == 0)
            return end();
        bool label = c == ':' && isLabel();
        current += c;
        if (label)
            end();
    }

public:
    explicit StatementReader(const std::string& text) : text(text) {}

    std::vector<Statement> read() {
        for (size_t i = 0; i < text.size(); i++) {
            if (text.compare(i, 2, "//") == 0)
                i = std::min(text.find('\n', i), text.size());
            if (i < text.size())
                add(text[i]);
        }
        end();
        return std::move(statements);
    }
};

// A variable, a register or a parameter: `.shared .align 16 .b8 table[1024]`, `.reg .pred %p<4>`, `.param .b32 name`.
struct Declaration {
    std::string name;
    Type type = NoType;
    int alignment = 1, count = 1;

    explicit Declaration(const std::string& text) {
        auto words = splitWords(text);
        for (size_t i = 0; i < words.size(); i++) {
            if (words[i] == ".align" && i + 1 < words.size())
                alignment = atoi(words[++i].c_str());
            else if (words[i][0] != '.')
                name = words[i];
            else if (typeOf(words[i].substr(1)) != NoType)
                type = typeOf(words[i].substr(1));
        }
        size_t bracket = name.find('[');
        if (bracket != std::string::npos) {
            count = atoi(name.c_str() + bracket + 1);
            name.resize(bracket);
        }
        if (type == NoType || name.empty())
            throw ParseError("cannot read " + text);
    }

    int size() const { return count * bytes(type); }
};

// An instruction's parts, without its guard: `ld.global.f32 %f1, [%rd1]` has the name ld and the modifiers global and f32.
struct InstructionText {
    std::string whole, mnemonic, name;
    std::vector<std::string> modifiers, operands;
    Type type = NoType; // the last modifier

    explicit InstructionText(const std::string& text) : whole(text) {
        size_t blank = text.find_first_of(" \t");
        mnemonic = text.substr(0, blank);
        if (blank != std::string::npos)
            operands = splitOperands(trim(text.substr(blank)));
        modifiers = split(mnemonic, '.');
        name = modifiers[0];
        modifiers.erase(modifiers.begin());
        if (!modifiers.empty())
            type = typeOf(modifiers.back());
    }

    bool has(const char* modifier) const { return std::find(modifiers.begin(), modifiers.end(), modifier) != modifiers.end(); }

    void expectOperands(size_t count) const {
        if (operands.size() != count)
            throw ParseError("'" + whole + "' has " + std::to_string(operands.size()) + " operands");
    }
};

// Where the ways out of an instruction lead, apart from the next instruction.
std::vector<i32> targetsOf(const Module& module, const Instruction& instruction) {
    if (instruction.opcode == Bra)
        return {instruction.target};
    if (instruction.opcode == Brx)
        return module.branchTables[instruction.target];
    return {};
}

bool fallsThrough(const Instruction& instruction) {
    return instruction.opcode != Brx && (instruction.guard >= 0 || (instruction.opcode != Bra && instruction.opcode != Ret));
}

// Which of a function's instructions begin a block: nothing jumps into a block but to its beginning, nor out of it but from its end.
std::vector<bool> blockStarts(const Module& module, const Function& function) {
    std::vector<bool> starts(function.length() + 1, false);
    starts[0] = true;
    for (int i = 0; i < function.length(); i++) {
        const Instruction& instruction = module.code[function.start + i];
        for (i32 target : targetsOf(module, instruction))
            starts[target - function.start] = true;
        if (instruction.opcode == Bra || instruction.opcode == Brx || instruction.opcode == Ret || instruction.opcode == Call)
            starts[i + 1] = true;
    }
    return starts;
}

// Which registers a function's instructions read and write, and which are read after each of them. Instructions count from the function's
// start, and registers in the order in which they appear.
class Liveness {
    const Module& module;
    const Function& function;
    std::map<i32, int> numbers; // of slots
    size_t words = 0;           // of a set of registers
    std::vector<u64> before, after;

    void addReadsAndWrites(int i) {
        const Instruction& instruction = module.code[function.start + i];
        for (int k = 0; k < 4; k++) {
            if (instruction.sources[k] >= 0)
                reads[i].push_back(number(instruction.sources[k]));
            if (instruction.destinations[k] >= 0)
                (instruction.opcode == St ? reads : writes)[i].push_back(number(instruction.destinations[k]));
        }
        // Where the guard does not hold, the old values stay.
        if (instruction.guard >= 0) {
            reads[i].push_back(number(instruction.guard));
            reads[i].insert(reads[i].end(), writes[i].begin(), writes[i].end());
        }
    }

    // Adds what is read later to an instruction's sets; true if that changes them.
    bool update(int i) {
        u64* afterThis = &after[i * words];
        auto join = [&](int next) {
            if (next >= 0 && next < function.length())
                for (size_t k = 0; k < words; k++)
                    afterThis[k] |= before[next * words + k];
        };
        const Instruction& instruction = module.code[function.start + i];
        if (fallsThrough(instruction))
            join(i + 1);
        for (i32 target : targetsOf(module, instruction))
            join(target - function.start);

        std::vector<u64> beforeThis(afterThis, afterThis + words);
        for (int written : writes[i])
            beforeThis[written / 64] &= ~(1ull << (written % 64));
        for (int read : reads[i])
            beforeThis[read / 64] |= 1ull << (read % 64);
        if (std::equal(beforeThis.begin(), beforeThis.end(), &before[i * words]))
            return false;
        std::copy(beforeThis.begin(), beforeThis.end(), &before[i * words]);
        return true;
    }

public:
    std::vector<std::vector<int>> reads, writes;

    Liveness(const Module& module, const Function& function)
        : module(module), function(function), reads(function.length()), writes(function.length()) {
        for (int i = 0; i < function.length(); i++)
            addReadsAndWrites(i);
        words = (numbers.size() + 63) / 64;
        before.resize(function.length() * words);
        after.resize(function.length() * words);
        for (bool changed = true; changed;) {
            changed = false;
            for (int i = function.length(); i-- > 0;)
                changed |= update(i);
        }
    }

    int number(i32 slot) { return numbers.emplace(slot, (int)numbers.size()).first->second; }

    bool doesRead(int i, int number) const { return std::find(reads[i].begin(), reads[i].end(), number) != reads[i].end(); }
    bool doesWrite(int i, int number) const { return std::find(writes[i].begin(), writes[i].end(), number) != writes[i].end(); }
    bool isReadAfter(int i, int number) const { return after[i * words + number / 64] >> (number % 64) & 1; }
};

// Makes a product that only an addition uses a fused multiply-add, as the driver's compiler does by default.
class Fusion {
    Module& module;
    const Function& function;
    Liveness liveness;
    std::vector<bool> starts;

    Instruction& at(int i) { return module.code[function.start + i]; }

    // The first instruction that reads the product, in its block and with the product's operands unchanged; -1 if there is none.
    int firstUse(int multiplication) {
        const Instruction& product = at(multiplication);
        int result = liveness.number(product.destinations[0]);
        int factors[] = {liveness.number(product.sources[0]), liveness.number(product.sources[1])};
        for (int i = multiplication + 1; i < function.length() && !starts[i]; i++) {
            if (liveness.doesRead(i, result))
                return i;
            if (liveness.doesWrite(i, factors[0]) || liveness.doesWrite(i, factors[1]) || liveness.doesWrite(i, result))
                return -1;
        }
        return -1;
    }

    bool isFusible(const Instruction& instruction) const { return instruction.type == F32 && instruction.guard < 0; }

    void fuse(int multiplication) {
        Instruction& product = at(multiplication);
        if (product.opcode != Mul || !isFusible(product))
            return;
        int use = firstUse(multiplication);
        if (use < 0)
            return;
        Instruction& sum = at(use);
        if ((sum.opcode != Add && sum.opcode != Sub) || !isFusible(sum))
            return;
        bool isFirst = sum.sources[0] == product.destinations[0], isSecond = sum.sources[1] == product.destinations[0];
        if (isFirst == isSecond)
            return;
        int result = liveness.number(product.destinations[0]);
        if (!liveness.doesWrite(use, result) && liveness.isReadAfter(use, result))
            return;

        bool subtracts = sum.opcode == Sub;
        sum.opcode = Fma;
        sum.negateProduct = subtracts && isSecond;
        sum.negateAddend = subtracts && isFirst;
        sum.sources[2] = isFirst ? sum.sources[1] : sum.sources[0];
        sum.sources[0] = product.sources[0];
        sum.sources[1] = product.sources[1];
        liveness.reads[use].clear();
        for (int k = 0; k < 3; k++)
            liveness.reads[use].push_back(liveness.number(sum.sources[k]));

        product.opcode = Nop;
        product.instructionClass = ClassNone;
        product.destinations[0] = -1;
        liveness.writes[multiplication].clear();
        liveness.reads[multiplication].clear();
        module.fused++;
    }

public:
    Fusion(Module& module, const Function& function)
        : module(module), function(function), liveness(module, function), starts(blockStarts(module, function)) {}

    void run() {
        for (int i = 0; i < function.length(); i++)
            fuse(i);
    }
};

// Finds where the ways of a branch meet again: its immediate post-dominator, at which hardware joins a divided warp.
class Reconvergence {
    Module& module;
    const Function& function;
    std::vector<int> blockOf, first;              // an instruction's block, a block's first instruction
    int exit = 0;                                 // the number of a block behind the last one, to which returns lead
    std::vector<std::vector<int>> next, previous; // a block's neighbours
    std::vector<int> order, number;               // of the blocks, in a walk from the exit against the edges; -1 where that does not come
    std::vector<int> dominator;                   // a block's immediate post-dominator, or -1

    void addEdge(int from, int to) {
        next[from].push_back(to);
        previous[to].push_back(from);
    }

    void findBlocks() {
        auto starts = blockStarts(module, function);
        for (int i = 0; i < function.length(); i++) {
            if (starts[i])
                first.push_back(i);
            blockOf.push_back((int)first.size() - 1);
        }
        exit = (int)first.size();
        next.resize(exit + 1);
        previous.resize(exit + 1);
    }

    void findEdges() {
        for (int block = 0; block < exit; block++) {
            int last = (block + 1 < exit ? first[block + 1] : function.length()) - 1;
            const Instruction& instruction = module.code[function.start + last];
            for (i32 target : targetsOf(module, instruction))
                addEdge(block, blockOf[target - function.start]);
            if (instruction.opcode == Ret)
                addEdge(block, exit);
            if (fallsThrough(instruction))
                addEdge(block, block + 1);
        }
    }

    // Numbers blocks in post-order. Not recursive, since a function can have very many blocks.
    void walk() {
        number.assign(exit + 1, -1);
        std::vector<bool> seen(exit + 1, false);
        std::vector<std::pair<int, size_t>> stack{{exit, 0}}; // a block, and which of its neighbours is next
        seen[exit] = true;
        while (!stack.empty()) {
            auto& [block, position] = stack.back();
            if (position < previous[block].size()) {
                int neighbour = previous[block][position++];
                if (!seen[neighbour]) {
                    seen[neighbour] = true;
                    stack.push_back({neighbour, 0});
                }
            } else {
                number[block] = (int)order.size();
                order.push_back(block);
                stack.pop_back();
            }
        }
    }

    int meet(int a, int b) const {
        while (a != b) {
            while (number[a] < number[b])
                a = dominator[a];
            while (number[b] < number[a])
                b = dominator[b];
        }
        return a;
    }

    // By the algorithm of Cooper, Harvey and Kennedy.
    void findDominators() {
        dominator.assign(exit + 1, -1);
        dominator[exit] = exit;
        for (bool changed = true; changed;) {
            changed = false;
            for (size_t k = order.size(); k-- > 0;) {
                int block = order[k];
                if (block == exit)
                    continue;
                int found = -1;
                for (int neighbour : next[block])
                    if (dominator[neighbour] >= 0)
                        found = found < 0 ? neighbour : meet(found, neighbour);
                if (found >= 0 && dominator[block] != found) {
                    dominator[block] = found;
                    changed = true;
                }
            }
        }
    }

public:
    Reconvergence(Module& module, const Function& function) : module(module), function(function) {}

    void run() {
        findBlocks();
        findEdges();
        walk();
        findDominators();
        for (int i = 0; i < function.length(); i++) {
            Instruction& instruction = module.code[function.start + i];
            if ((instruction.opcode == Bra && instruction.guard >= 0) || instruction.opcode == Brx) {
                int block = dominator[blockOf[i]];
                instruction.join = block < 0 || block == exit ? -1 : function.start + first[block];
            }
        }
    }
};

class Parser {
    struct Register {
        i32 slot;
        Type type;
    };
    // An instruction whose target is a label, a label of a table, or a function that may come later.
    struct Fixup {
        int instruction;
        std::string target;
    };

    Module& module;
    std::vector<Statement> statements;
    std::map<std::pair<u64, int>, i32> constantSlots; // by value and size
    std::vector<Fixup> callFixups;

    // What belongs to the current function.
    Function* function = nullptr;
    std::unordered_map<std::string, Register> registers;
    std::unordered_map<std::string, int> labels;
    std::unordered_map<std::string, u64> symbols;
    std::vector<std::unordered_map<std::string, Parameter>> scopes;
    std::map<std::string, std::vector<std::string>> branchTargets; // by the label of the table
    std::vector<Fixup> branchFixups, tableFixups;

    // ---- slots, names and operands ----
    i32 newSlots(int count, bool even) {
        if (even && (module.slots & 1))
            module.slots++;
        i32 slot = module.slots;
        module.slots += count;
        return slot;
    }

    i32 newSlot(int size) { return size == 8 ? newSlots(2, true) : newSlots(1, false); }

    // Small registers have four bytes, too.
    static int registerSize(int size) { return size == 8 ? 8 : 4; }

    i32 constant(u64 value, int size) {
        size = registerSize(size);
        auto [found, isNew] = constantSlots.emplace(std::make_pair(value, size), -1);
        if (isNew) {
            found->second = newSlot(size);
            module.constants.push_back({found->second, value, size});
        }
        return found->second;
    }

    const Parameter& findParameter(const std::string& name) const {
        for (size_t i = scopes.size(); i-- > 0;) {
            auto found = scopes[i].find(name);
            if (found != scopes[i].end())
                return found->second;
        }
        throw ParseError("unknown parameter " + name);
    }

    i32 namedRegister(const std::string& name, int size) const {
        for (int i = 0; i < SpecialRegisterCount; i++)
            if (name == SpecialRegisterNames[i])
                return module.specialRegisters[i];
        auto found = registers.find(name);
        if (found == registers.end())
            throw ParseError("undeclared register %" + name);
        if (registerSize(bytes(found->second.type)) != registerSize(size))
            throw ParseError("operand %" + name + " has the wrong size for the instruction");
        return found->second.slot;
    }

    i32 integerConstant(const std::string& text, int size) {
        u64 value = text[0] == '-' ? (u64)strtoll(text.c_str(), nullptr, 0) : strtoull(text.c_str(), nullptr, 0);
        if (size < 8)
            value &= (1ull << size * 8) - 1;
        return constant(value, size);
    }

    // The slot of a register, a literal or a variable's address. Addresses of variables are offsets in their space.
    i32 operand(const std::string& text, int size) {
        if (text.empty())
            throw ParseError("missing operand");
        if (text[0] == '%')
            return namedRegister(text.substr(1), size);
        if (text[0] == '0' && text.size() == 10 && (text[1] == 'f' || text[1] == 'F'))
            return constant(strtoull(text.c_str() + 2, nullptr, 16), 4);
        if (text[0] == '0' && text.size() == 18 && (text[1] == 'd' || text[1] == 'D'))
            return constant(strtoull(text.c_str() + 2, nullptr, 16), 8);
        if (isdigit((unsigned char)text[0]) || text[0] == '-')
            return integerConstant(text, size);
        auto local = symbols.find(text);
        if (local != symbols.end())
            return constant(size == 8 ? local->second : (u32)local->second, size);
        auto global = module.symbols.find(text);
        if (global != module.symbols.end())
            return constant(global->second, size);
        throw ParseError("cannot read operand '" + text + "'");
    }

    struct Address {
        std::string base;
        i64 offset = 0;
    };

    // [%rd1+16], [name+8]
    static Address address(const std::string& text) {
        if (text.size() < 3 || text[0] != '[')
            throw ParseError("no address: " + text);
        Address address{trim(inner(text))};
        size_t plus = address.base.find('+');
        if (plus != std::string::npos) {
            address.offset = strtoll(address.base.c_str() + plus + 1, nullptr, 0);
            address.base = trim(address.base.substr(0, plus));
        }
        return address;
    }

    // Puts the slots of a register, or of the registers of a vector, into `slots`, and returns how many they are.
    int vectorOperand(const std::string& text, i32 (&slots)[4], int size) {
        if (text.empty() || text[0] != '{') {
            slots[0] = operand(text, size);
            return 1;
        }
        auto parts = splitOperands(inner(text));
        if (parts.size() > 4)
            throw ParseError("vector of more than four elements");
        for (size_t i = 0; i < parts.size(); i++)
            slots[i] = operand(parts[i], size);
        return (int)parts.size();
    }

    // ---- instructions ----
    Instruction& emit(Opcode opcode, InstructionClass instructionClass) {
        Instruction& instruction = module.code.emplace_back();
        instruction.opcode = opcode;
        instruction.instructionClass = instructionClass;
        instruction.line = line;
        return instruction;
    }

    int lastEmitted() const { return (int)module.code.size() - 1; }

    // An instruction whose operands are a destination and sources of these sizes.
    Instruction& emit(const InstructionText& text, Opcode opcode, InstructionClass instructionClass, int destinationSize,
                      std::initializer_list<int> sourceSizes) {
        text.expectOperands(1 + sourceSizes.size());
        Instruction& instruction = emit(opcode, instructionClass);
        instruction.type = text.type;
        instruction.destinations[0] = operand(text.operands[0], destinationSize);
        int i = 0;
        for (int size : sourceSizes) {
            instruction.sources[i] = operand(text.operands[i + 1], size);
            i++;
        }
        return instruction;
    }

    struct SimpleInstruction {
        Opcode opcode;
        int sources;
        InstructionClass ofFloats, ofIntegers;
    };

    // Instructions whose operands all have the type's size. False if the text has another instruction.
    bool simpleInstruction(const InstructionText& text) {
        static const std::unordered_map<std::string, SimpleInstruction> instructions = {
            {"mov", {Mov, 1, ClassMove, ClassMove}},           {"add", {Add, 2, ClassFma, ClassInteger}},
            {"sub", {Sub, 2, ClassFma, ClassInteger}},         {"div", {Div, 2, ClassFloat, ClassInteger}},
            {"rem", {Rem, 2, ClassInteger, ClassInteger}},     {"min", {Min, 2, ClassFloat, ClassInteger}},
            {"max", {Max, 2, ClassFloat, ClassInteger}},       {"and", {And, 2, ClassInteger, ClassInteger}},
            {"or", {Or, 2, ClassInteger, ClassInteger}},       {"xor", {Xor, 2, ClassInteger, ClassInteger}},
            {"not", {Not, 1, ClassInteger, ClassInteger}},     {"neg", {Neg, 1, ClassFloat, ClassInteger}},
            {"abs", {Abs, 1, ClassFloat, ClassInteger}},       {"sqrt", {Sqrt, 1, ClassSpecial, ClassSpecial}},
            {"rsqrt", {Rsqrt, 1, ClassSpecial, ClassSpecial}}, {"rcp", {Rcp, 1, ClassSpecial, ClassSpecial}},
            {"ex2", {Ex2, 1, ClassSpecial, ClassSpecial}},     {"lg2", {Lg2, 1, ClassSpecial, ClassSpecial}},
            {"sin", {Sin, 1, ClassSpecial, ClassSpecial}},     {"cos", {Cos, 1, ClassSpecial, ClassSpecial}},
            {"tanh", {Tanh, 1, ClassSpecial, ClassSpecial}},   {"copysign", {CopySign, 2, ClassFloat, ClassFloat}},
        };
        auto found = instructions.find(text.name);
        if (found == instructions.end())
            return false;
        const SimpleInstruction& simple = found->second;
        InstructionClass instructionClass = isFloat(text.type) ? simple.ofFloats : simple.ofIntegers;
        int size = bytes(text.type);
        if (simple.sources == 1)
            emit(text, simple.opcode, instructionClass, size, {size});
        else
            emit(text, simple.opcode, instructionClass, size, {size, size}).nanCounts = text.has("NaN");
        return true;
    }

    void multiplication(const InstructionText& text) {
        int size = bytes(text.type);
        if (isFloat(text.type))
            emit(text, Mul, ClassFma, size, {size, size});
        else if (text.has("lo"))
            emit(text, Mul, ClassInteger, size, {size, size});
        else if (text.has("hi"))
            emit(text, MulHi, ClassInteger, size, {size, size});
        else if (text.has("wide"))
            emit(text, MulWide, ClassInteger, 2 * size, {size, size});
        else
            throw ParseError("integer multiplication without .lo, .hi or .wide: " + text.mnemonic);
    }

    void multiplyAdd(const InstructionText& text) {
        int size = bytes(text.type);
        if (isFloat(text.type))
            emit(text, Fma, ClassFma, size, {size, size, size});
        else if (text.has("wide"))
            emit(text, MadWide, ClassInteger, 2 * size, {size, size, 2 * size});
        else if (text.has("hi"))
            emit(text, MadHi, ClassInteger, size, {size, size, size});
        else if (text.has("lo"))
            emit(text, Mad, ClassInteger, size, {size, size, size});
        else
            throw ParseError("mad without .lo, .hi or .wide");
    }

    void shift(const InstructionText& text) {
        int size = bytes(text.type);
        emit(text, text.name == "shl" ? Shl : Shr, ClassInteger, size, {size, 4});
    }

    void bitCount(const InstructionText& text) { emit(text, text.name == "popc" ? Popc : Clz, ClassInteger, 4, {bytes(text.type)}); }

    void numberTest(const InstructionText& text) {
        Instruction& instruction = emit(text, TestP, ClassSet, 4, {bytes(text.type)});
        if (!text.has("finite") && !text.has("infinite") && !text.has("notanumber"))
            throw ParseError(text.mnemonic);
        instruction.variant = text.has("finite") ? IsFinite : text.has("infinite") ? IsInfinite : IsNaN;
    }

    void comparison(const InstructionText& text) {
        struct Relation {
            Comparison comparison;
            bool nanCounts = false, isUnsigned = false;
        };
        static const std::map<std::string, Relation> relations = {
            {"eq", {Equal}},
            {"ne", {NotEqual}},
            {"lt", {Less}},
            {"le", {LessOrEqual}},
            {"gt", {Greater}},
            {"ge", {GreaterOrEqual}},
            {"lo", {Less, false, true}},
            {"ls", {LessOrEqual, false, true}},
            {"hi", {Greater, false, true}},
            {"hs", {GreaterOrEqual, false, true}},
            {"equ", {Equal, true}},
            {"neu", {NotEqual, true}},
            {"ltu", {Less, true}},
            {"leu", {LessOrEqual, true}},
            {"gtu", {Greater, true}},
            {"geu", {GreaterOrEqual, true}},
            {"num", {BothNumbers}},
            {"nan", {AnyNaN}},
        };
        auto found = relations.find(text.modifiers.at(0));
        if (found == relations.end())
            throw ParseError("comparison " + text.mnemonic);
        const Relation& relation = found->second;
        if (relation.isUnsigned && isSigned(text.type))
            throw ParseError(text.mnemonic);
        int size = bytes(text.type);
        bool joins = text.operands.size() == 4;
        Instruction& instruction = joins ? emit(text, Setp, ClassSet, 4, {size, size, 4}) : emit(text, Setp, ClassSet, 4, {size, size});
        instruction.variant = relation.comparison;
        instruction.nanCounts = relation.nanCounts;
        if (joins)
            instruction.joining = text.has("and") ? JoinAnd : text.has("or") ? JoinOr : JoinXor;
    }

    void selection(const InstructionText& text) {
        int size = bytes(text.type);
        emit(text, Selp, ClassSet, size, {size, size, 4});
    }

    void conversion(const InstructionText& text) {
        if (text.modifiers.size() < 2)
            throw ParseError(text.mnemonic);
        Type to = typeOf(text.modifiers[text.modifiers.size() - 2]), from = text.type;
        if (to == NoType || from == NoType)
            throw ParseError(text.mnemonic);
        Instruction& instruction = emit(text, Cvt, ClassConvert, bytes(to), {bytes(from)});
        instruction.type = to;
        instruction.sourceType = from;
        instruction.rounding = text.has("rzi")   ? TowardsZero
                               : text.has("rni") ? ToNearest
                               : text.has("rmi") ? Down
                               : text.has("rpi") ? Up
                                                 : NotWhole;
    }

    static Space spaceOf(const InstructionText& text) {
        return text.has("global") ? Global : text.has("shared") ? Shared : text.has("local") ? Local : text.has("const") ? Const : Generic;
    }

    void addressConversion(const InstructionText& text) {
        emit(text, text.has("to") ? CvtaTo : CvtaFrom, ClassInteger, 8, {8}).space = spaceOf(text);
    }

    void parameterAccess(bool load, const Parameter& parameter, i64 offset, Type type, const std::string& value) {
        int size = bytes(type);
        if (offset + size > parameter.size)
            throw ParseError("parameter access out of range");
        if (offset % size)
            throw ParseError("misaligned parameter access");
        Opcode opcode = !load ? StoreParameter : parameter.ofKernel ? LoadKernelParameter : LoadParameter;
        Instruction& instruction = emit(opcode, ClassParameter);
        instruction.type = type;
        (load ? instruction.destinations : instruction.sources)[0] = operand(value, size);
        if (opcode == LoadKernelParameter) {
            instruction.offset = parameter.offset + offset;
            return;
        }
        // A parameter's words are slots, and small ones lie in a part of a word.
        instruction.offset = offset % 4;
        (load ? instruction.sources : instruction.destinations)[0] = parameter.slot + (i32)(offset / 4);
    }

    void memoryAccess(const InstructionText& text) {
        text.expectOperands(2);
        bool load = text.name == "ld";
        Address place = address(text.operands[load ? 1 : 0]);
        const std::string& value = text.operands[load ? 0 : 1];
        if (text.has("param"))
            return parameterAccess(load, findParameter(place.base), place.offset, text.type, value);

        Space space = spaceOf(text);
        Instruction& instruction = emit(load ? Ld : St, space == Shared  ? (load ? ClassLoadShared : ClassStoreShared)
                                                        : space == Local ? (load ? ClassLoadLocal : ClassStoreLocal)
                                                                         : (load ? ClassLoadGlobal : ClassStoreGlobal));
        instruction.type = text.type;
        instruction.space = space;
        instruction.offset = place.offset;
        instruction.synchronised = text.has("volatile") || text.has("relaxed") || text.has("acquire") || text.has("release");
        instruction.vectorLength = (u8)vectorOperand(value, load ? instruction.destinations : instruction.sources, bytes(text.type));
        if (instruction.vectorLength != (text.has("v2") ? 2 : text.has("v4") ? 4 : 1))
            throw ParseError("vector operand does not match " + text.mnemonic);
        (load ? instruction.sources : instruction.destinations)[0] = operand(place.base, 8);
    }

    void atomicAccess(const InstructionText& text) {
        static const std::pair<const char*, AtomicOperation> operations[] = {
            {"add", AtomicAdd}, {"and", AtomicAnd}, {"or", AtomicOr},         {"xor", AtomicXor},
            {"max", AtomicMax}, {"min", AtomicMin}, {"exch", AtomicExchange}, {"cas", AtomicCompareAndSwap}};
        auto operation = std::find_if(std::begin(operations), std::end(operations), [&](auto& one) { return text.has(one.first); });
        if (operation == std::end(operations))
            throw ParseError(text.mnemonic);
        bool returnsOld = text.name == "atom";
        Instruction& instruction = emit(returnsOld ? Atom : Red, ClassAtomic);
        instruction.type = text.type;
        instruction.variant = operation->second;
        instruction.space = text.has("global") ? Global : text.has("shared") ? Shared : Generic;
        int size = bytes(text.type);
        size_t next = 0;
        if (returnsOld)
            instruction.destinations[0] = operand(text.operands.at(next++), size);
        Address place = address(text.operands.at(next++));
        instruction.offset = place.offset;
        instruction.sources[0] = operand(place.base, 8);
        instruction.sources[1] = operand(text.operands.at(next++), size);
        if (instruction.variant == AtomicCompareAndSwap)
            instruction.sources[2] = operand(text.operands.at(next++), size);
    }

    void branch(const InstructionText& text) {
        emit(Bra, ClassBranch).uniform = text.has("uni");
        branchFixups.push_back({lastEmitted(), text.operands.at(0)});
    }

    void indexedBranch(const InstructionText& text) {
        emit(Brx, ClassBranch).sources[0] = operand(text.operands.at(0), 4);
        tableFixups.push_back({lastEmitted(), text.operands.at(1)});
    }

    void returnInstruction(const InstructionText& text) { emit(Ret, ClassCall).variant = text.name == "exit" ? FromKernel : FromFunction; }

    void barrier(const InstructionText& text) {
        if (text.has("warp")) {
            emit(WarpSync, ClassBarrier);
        } else if (text.has("red")) {
            Instruction& instruction = emit(BarRed, ClassBarrier);
            instruction.variant = text.has("popc") ? ReduceCount : text.has("and") ? ReduceAnd : ReduceOr;
            instruction.destinations[0] = operand(text.operands.at(0), 4);
            instruction.sources[0] = operand(text.operands.at(2), 4);
        } else {
            if (text.operands.size() != 1 || text.operands[0] != "0")
                throw ParseError("only bar.sync 0");
            static const char* dropped = getenv("CUSIM_DROP_BAR");
            emit(dropped && (int)line == atoi(dropped) ? Nop : Bar, ClassBarrier);
        }
    }

    void fence(const InstructionText& text) { emit(Membar, ClassBarrier).variant = text.has("cta") ? FenceOfBlock : FenceOfDevice; }

    void trap(const InstructionText&) { emit(Trap, ClassBranch); }

    void shuffle(const InstructionText& text) {
        Instruction& instruction = emit(text, Shfl, ClassInteger, 4, {4, 4, 4, 4});
        instruction.variant = text.has("idx")    ? ShuffleIndex
                              : text.has("down") ? ShuffleDown
                              : text.has("up")   ? ShuffleUp
                                                 : ShuffleButterfly;
    }

    void copyParameter(const Parameter& to, const Parameter& from, const std::string& callee) {
        if (to.size != from.size)
            throw ParseError("argument of another size in a call of " + callee);
        for (int word = 0; word < (to.size + 3) / 4; word++) {
            Instruction& instruction = emit(Mov, ClassParameter);
            instruction.type = B32;
            instruction.destinations[0] = to.slot + word;
            instruction.sources[0] = from.slot + word;
        }
    }

    // call.uni (result), function, (argument, ...): result and arguments are parameters of a scope.
    void call(const InstructionText& text) {
        size_t next = 0;
        bool hasResult = text.operands.at(0)[0] == '(';
        Parameter result;
        if (hasResult)
            result = findParameter(trim(splitOperands(inner(text.operands[next++])).at(0)));
        const std::string& callee = text.operands.at(next++);
        std::vector<Parameter> arguments;
        if (next < text.operands.size())
            for (auto& argument : splitOperands(inner(text.operands[next])))
                if (!argument.empty())
                    arguments.push_back(findParameter(argument));

        auto found = module.functionIndices.find(callee);
        if (found == module.functionIndices.end())
            throw ParseError("call of unknown function " + callee);
        const Function& called = module.functions[found->second];
        if (called.parameters.size() != arguments.size())
            throw ParseError("call of " + callee + " with " + std::to_string(arguments.size()) + " arguments");
        for (size_t i = 0; i < arguments.size(); i++)
            copyParameter(called.parameters[i], arguments[i], callee);
        emit(Call, ClassCall);
        callFixups.push_back({lastEmitted(), callee});
        if (hasResult)
            copyParameter(result, called.result, callee);
    }

    using Decoder = void (Parser::*)(const InstructionText&);

    static Decoder decoderOf(const std::string& name) {
        static const std::unordered_map<std::string, Decoder> decoders = {
            {"mul", &Parser::multiplication},
            {"mad", &Parser::multiplyAdd},
            {"fma", &Parser::multiplyAdd},
            {"shl", &Parser::shift},
            {"shr", &Parser::shift},
            {"popc", &Parser::bitCount},
            {"clz", &Parser::bitCount},
            {"testp", &Parser::numberTest},
            {"setp", &Parser::comparison},
            {"selp", &Parser::selection},
            {"cvt", &Parser::conversion},
            {"cvta", &Parser::addressConversion},
            {"ld", &Parser::memoryAccess},
            {"st", &Parser::memoryAccess},
            {"atom", &Parser::atomicAccess},
            {"red", &Parser::atomicAccess},
            {"bra", &Parser::branch},
            {"brx", &Parser::indexedBranch},
            {"ret", &Parser::returnInstruction},
            {"exit", &Parser::returnInstruction},
            {"bar", &Parser::barrier},
            {"barrier", &Parser::barrier},
            {"membar", &Parser::fence},
            {"fence", &Parser::fence},
            {"trap", &Parser::trap},
            {"shfl", &Parser::shuffle},
            {"call", &Parser::call},
        };
        auto found = decoders.find(name);
        return found == decoders.end() ? nullptr : found->second;
    }

    // @!%p1 bra LABEL
    void instruction(std::string statement) {
        i32 guard = -1;
        bool negated = false;
        if (statement[0] == '@') {
            size_t blank = statement.find_first_of(" \t");
            std::string predicate = statement.substr(1, blank - 1);
            negated = predicate[0] == '!';
            guard = operand(negated ? predicate.substr(1) : predicate, 4);
            statement = trim(statement.substr(blank));
        }
        InstructionText text(statement);
        size_t first = module.code.size();
        if (!simpleInstruction(text)) {
            Decoder decoder = decoderOf(text.name);
            if (!decoder)
                throw ParseError("unknown instruction " + text.mnemonic);
            (this->*decoder)(text);
        }
        for (size_t i = first; i < module.code.size(); i++) {
            module.code[i].guard = guard;
            module.code[i].guardNegated = negated;
        }
    }

    // ---- functions ----
    Parameter slotParameter(const Declaration& declaration) {
        Parameter parameter;
        parameter.name = declaration.name;
        parameter.size = declaration.size();
        parameter.slot = newSlots((parameter.size + 3) / 4, true);
        return parameter;
    }

    // At the next offset of the kernel's parameters.
    static Parameter kernelParameter(const Declaration& declaration, int& end) {
        Parameter parameter;
        parameter.name = declaration.name;
        parameter.size = declaration.size();
        parameter.ofKernel = true;
        parameter.offset = roundUp(end, std::max(declaration.alignment, bytes(declaration.type)));
        end = parameter.offset + parameter.size;
        return parameter;
    }

    void declareFunction(const std::string& name, bool isKernel, const std::string& parameters, const std::string& result) {
        Function declared;
        declared.name = name;
        declared.isKernel = isKernel;
        for (auto& text : splitOperands(parameters)) {
            Declaration declaration(text);
            declared.parameters.push_back(isKernel ? kernelParameter(declaration, declared.parameterBytes) : slotParameter(declaration));
        }
        if (!result.empty()) {
            declared.result = slotParameter(Declaration(result));
            declared.hasResult = true;
        }
        module.functionIndices[name] = (int)module.functions.size();
        module.functions.push_back(declared);
    }

    // Where a declaration went before, the names of the definition count.
    static void renameParameters(Function& declared, const std::string& parameters, const std::string& result) {
        size_t next = 0;
        for (auto& text : splitOperands(parameters)) {
            Declaration declaration(text);
            if (next >= declared.parameters.size() || declared.parameters[next].size != declaration.size())
                throw ParseError("definition differs from declaration of " + declared.name);
            declared.parameters[next++].name = declaration.name;
        }
        if (!result.empty())
            declared.result.name = Declaration(result).name;
    }

    // [.visible] .entry NAME( parameters )  or  [.visible] .func [(result)] NAME ( parameters )
    void header(const std::string& text) {
        bool isKernel = contains(text, ".entry");
        std::string rest = trim(text.substr(text.find(isKernel ? ".entry" : ".func") + strlen(isKernel ? ".entry" : ".func")));
        std::string result;
        if (!isKernel && rest[0] == '(') {
            size_t close = rest.find(')');
            result = rest.substr(1, close - 1);
            rest = trim(rest.substr(close + 1));
        }
        size_t open = rest.find('(');
        std::string name = trim(rest.substr(0, open));
        std::string parameters = open == std::string::npos ? "" : rest.substr(open + 1, rest.rfind(')') - open - 1);
        auto found = module.functionIndices.find(name);
        if (found == module.functionIndices.end())
            declareFunction(name, isKernel, parameters, result);
        else
            renameParameters(module.functions[found->second], parameters, result);
        function = &module.functions[module.functionIndices[name]];
    }

    // .reg .b32 %r<16>  or  .reg .b32 %r
    void declareRegisters(const std::string& text) {
        Declaration declaration(text);
        std::string name = declaration.name.substr(1);
        size_t bracket = name.find('<');
        int size = bytes(declaration.type);
        if (bracket == std::string::npos) {
            registers[name] = {newSlot(size), declaration.type};
            return;
        }
        int count = atoi(name.c_str() + bracket + 1);
        name.resize(bracket);
        for (int i = 0; i < count; i++)
            registers[name + std::to_string(i)] = {newSlot(size), declaration.type};
    }

    // As ptxas lays arrays out: one after the other, each at its own alignment and no more.
    void declareVariable(const std::string& text, int& spaceBytes) {
        Declaration declaration(text);
        int offset = roundUp(spaceBytes, declaration.alignment);
        symbols[declaration.name] = (u64)offset;
        spaceBytes = offset + declaration.size();
    }

    void directive(const std::string& text, const std::string& lastLabel) {
        if (startsWith(text, ".reg"))
            declareRegisters(text);
        else if (startsWith(text, ".shared"))
            declareVariable(text, function->sharedBytes);
        else if (startsWith(text, ".local"))
            declareVariable(text, function->localBytes);
        else if (startsWith(text, ".param")) {
            Parameter parameter = slotParameter(Declaration(text));
            scopes.back()[parameter.name] = parameter;
        } else if (startsWith(text, ".branchtargets"))
            branchTargets[lastLabel] = splitOperands(text.substr(strlen(".branchtargets")));
        else if (!startsWith(text, ".loc") && !startsWith(text, ".pragma"))
            throw ParseError("unknown directive " + text);
    }

    void beginBody() {
        registers.clear();
        labels.clear();
        symbols.clear();
        branchTargets.clear();
        branchFixups.clear();
        tableFixups.clear();
        scopes.clear();
        scopes.emplace_back();
        for (auto& parameter : function->parameters)
            scopes[0][parameter.name] = parameter;
        if (function->hasResult)
            scopes[0][function->result.name] = function->result;
        function->start = (int)module.code.size();
    }

    // From the statement after the opening brace; returns the number of the statement after the closing one.
    size_t body(size_t next) {
        beginBody();
        std::string lastLabel;
        while (next < statements.size() && !scopes.empty()) {
            const std::string& text = statements[next].text;
            line = statements[next++].line;
            if (text == "{")
                scopes.emplace_back();
            else if (text == "}")
                scopes.pop_back();
            else if (text.back() == ':') {
                lastLabel = text.substr(0, text.size() - 1);
                labels[lastLabel] = (int)module.code.size();
            } else if (text[0] == '.')
                directive(text, lastLabel);
            else
                instruction(text);
        }
        endBody();
        return next;
    }

    void endBody() {
        for (auto& fixup : branchFixups) {
            auto label = labels.find(fixup.target);
            if (label == labels.end())
                throw ParseError("unknown label " + fixup.target);
            module.code[fixup.instruction].target = label->second;
        }
        for (auto& fixup : tableFixups) {
            auto targets = branchTargets.find(fixup.target);
            if (targets == branchTargets.end())
                throw ParseError("no branch targets " + fixup.target);
            module.code[fixup.instruction].target = (i32)module.branchTables.size();
            auto& table = module.branchTables.emplace_back();
            for (auto& label : targets->second)
                table.push_back(labels.at(label));
        }
        bool isEmpty = function->start == (int)module.code.size();
        if (isEmpty || module.code.back().opcode != Ret || module.code.back().guard >= 0)
            emit(Ret, ClassCall);
        function->end = (int)module.code.size();
    }

    void moduleStatement(const std::string& text) {
        if (startsWith(text, ".version")) {
            module.version = trim(text.substr(strlen(".version")));
            sscanf(module.version.c_str(), "%d.%d", &module.isaMajor, &module.isaMinor);
        } else if (startsWith(text, ".target")) {
            module.target = trim(text.substr(strlen(".target")));
            size_t number = module.target.find("sm_");
            module.computeCapability = number == std::string::npos ? 0 : atoi(module.target.c_str() + number + strlen("sm_"));
        } else if (startsWith(text, ".address_size")) {
            if (trim(text.substr(strlen(".address_size"))) != "64")
                throw ParseError("32-bit addresses");
        } else if (contains(text, ".entry") || contains(text, ".func"))
            header(text);
        else if (startsWith(text, ".maxntid")) {
            if (function)
                function->maxThreads = atoi(text.c_str() + strlen(".maxntid"));
        } else if (startsWith(text, ".extern .shared"))
            module.symbols["__dyn_shared_alloca"] = 0;
        else if (!startsWith(text, ".minnctapersm") && !startsWith(text, ".pragma") && !startsWith(text, ".file"))
            throw ParseError("unknown statement " + text);
    }

public:
    u32 line = 0; // of the statement that is read, for errors

    explicit Parser(Module& module) : module(module) {}

    void run(bool fuse) {
        for (i32& slot : module.specialRegisters)
            slot = newSlot(4);
        statements = StatementReader(module.text).read();
        for (size_t next = 0; next < statements.size();) {
            const Statement& statement = statements[next++];
            line = statement.line;
            if (statement.text == "{") {
                if (!function)
                    throw ParseError("a body without a function");
                next = body(next);
            } else
                moduleStatement(statement.text);
        }
        for (auto& fixup : callFixups) {
            const Function& called = module.functions[module.functionIndices.at(fixup.target)];
            if (called.start < 0)
                throw ParseError("function without a body: " + fixup.target);
            module.code[fixup.instruction].target = called.start;
        }
        for (const Function& one : module.functions)
            if (one.start >= 0) {
                if (fuse)
                    Fusion(module, one).run();
                Reconvergence(module, one).run();
            }
    }
};
} // namespace

bool Module::parse(const char* source, bool fuse) {
    text = source;
    lines = split(text, '\n');
    for (auto& line : lines)
        line = trim(line);
    Parser parser(*this);
    try {
        parser.run(fuse);
    } catch (const std::exception& e) {
        error = "ptxas simulator, line " + std::to_string(parser.line) + "; error : " + e.what();
        return false;
    }
    return true;
}

std::string Module::label() const {
    int all = 0;
    for (auto& function : functions)
        all += function.length();
    std::string label;
    for (auto& function : functions)
        if (function.isKernel)
            label = function.name + "#" + std::to_string(function.parameterBytes) + "p" + std::to_string(function.length()) + "/" +
                    std::to_string(all);
    return label;
}
