// The simulator's own tests: kernels in hand-written PTX whose results, findings and counts are known. Each case runs in a process of its
// own, because the driver reads its environment when it is loaded, and stays faulty after a fault.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

extern "C" {
int cuInit(unsigned);
int cuCtxCreate_v2(void** context, unsigned flags, int device);
int cuCtxSynchronize();
int cuMemAlloc_v2(uint64_t* address, size_t bytes);
int cuMemFree_v2(uint64_t address);
int cuMemcpyAsync(uint64_t to, uint64_t from, size_t bytes, void* stream);
int cuModuleLoadDataEx(void** module, const char* text, unsigned options, int* names, void** values);
int cuModuleGetFunction(void** function, void* module, const char* name);
int cuLaunchKernel(void* function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared,
                   void* stream, void** arguments, void** extra);
}

namespace {
int failures = 0;

void expect(bool holds, const std::string& what) {
    if (holds)
        return;
    failures++;
    printf("    FAILED: %s\n", what.c_str());
}

void require(int result, const char* what) {
    if (result == 0)
        return;
    printf("    FAILED: %s returns %d\n", what, result);
    exit(1);
}

// A kernel of two pointers, in the order (to, from). %r1 is the thread, %r2 the thread's number among all blocks; %rd1 is `to` and %rd2
// `from`, both at the thread's element.
std::string kernel(const std::string& body, const std::string& shared = "") {
    return R"(.version 7.0
.target sm_70
.address_size 64

.visible .entry Test(
	.param .u64 to,
	.param .u64 from
)
{
	.reg .pred %p<4>;
	.reg .b32 %r<16>;
	.reg .f32 %f<8>;
	.reg .b64 %rd<16>;
)" + shared +
           R"(
	ld.param.b64 %rd3, [to];
	ld.param.b64 %rd4, [from];
	mov.u32 %r1, %tid.x;
	mov.u32 %r3, %ctaid.x;
	mov.u32 %r4, %ntid.x;
	mad.lo.s32 %r2, %r3, %r4, %r1;
	mul.wide.s32 %rd5, %r2, 4;
	add.s64 %rd1, %rd3, %rd5;
	add.s64 %rd2, %rd4, %rd5;
)" + body + R"(
	ret;
}
)";
}

const std::string SharedFloats = "\t.shared .align 16 .b8 table[1024];\n";

struct Device {
    std::vector<float> to = std::vector<float>(4096, 0.f), from = std::vector<float>(4096);
    uint64_t toAddress = 0, fromAddress = 0;

    Device() {
        void* context = nullptr;
        require(cuInit(0), "cuInit");
        require(cuCtxCreate_v2(&context, 0, 0), "cuCtxCreate");
        for (size_t i = 0; i < from.size(); i++)
            from[i] = (float)i;
        require(cuMemAlloc_v2(&toAddress, to.size() * 4), "cuMemAlloc");
        require(cuMemAlloc_v2(&fromAddress, from.size() * 4), "cuMemAlloc");
        require(cuMemcpyAsync(fromAddress, (uint64_t)from.data(), from.size() * 4, nullptr), "cuMemcpyAsync");
    }

    // Runs a kernel and returns what the driver says when it is done.
    int run(const std::string& text, unsigned blocks = 1, unsigned threads = 64) {
        void *module = nullptr, *function = nullptr;
        require(cuModuleLoadDataEx(&module, text.c_str(), 0, nullptr, nullptr), "cuModuleLoadDataEx");
        require(cuModuleGetFunction(&function, module, "Test"), "cuModuleGetFunction");
        uint64_t parameters[2] = {toAddress, fromAddress};
        void* arguments[2] = {&parameters[0], &parameters[1]};
        int launched = cuLaunchKernel(function, blocks, 1, 1, threads, 1, 1, 0, nullptr, arguments, nullptr);
        int done = cuCtxSynchronize();
        if (launched == 0 && done == 0)
            require(cuMemcpyAsync((uint64_t)to.data(), toAddress, to.size() * 4, nullptr), "cuMemcpyAsync");
        return launched != 0 ? launched : done;
    }
};

const std::string Fence = "\tmembar.gl;\n", Barrier = "\tbar.sync 0;\n", FirstThread = "\t@%p1 bra SKIP;\n" + Fence + "SKIP:\n";

// Each thread writes its number, and reads that of a thread of the other block after both blocks have met: they count in from[0], which is
// zero. Without fences and barriers in their places the threads may not see what the other block has written.
std::string meeting(const std::string& before = Fence, const std::string& after = Fence, const std::string& first = Barrier,
                    const std::string& last = Barrier) {
    return kernel("\tcvt.rn.f32.u32 %f1, %r2;\n\tst.global.f32 [%rd1], %f1;\n\tsetp.ne.s32 %p1, %r1, 0;\n" + first +
                  "\t@%p1 bra MET;\n" + before +
                  "\tatom.global.add.u32 %r5, [%rd4], 1;\nLOOP:\n\tatom.global.add.u32 %r6, [%rd4], 0;\n"
                  "\tsetp.lt.u32 %p2, %r6, 2;\n\t@%p2 bra LOOP;\n" +
                  after + "MET:\n" + last +
                  "\tsub.s32 %r7, 127, %r2;\n\tmul.wide.s32 %rd8, %r7, 4;\n\tadd.s64 %rd8, %rd8, %rd3;\n"
                  "\tld.global.f32 %f2, [%rd8];\n\tst.global.f32 [%rd1+4096], %f2;\n");
}

// Runs the meeting of two blocks.
void expectMeeting() {
    Device device;
    expect(device.run(meeting(), 2) == 0, "it runs");
    for (int i = 0; i < 128; i++)
        expect(device.to[1024 + i] == (float)(127 - i), "element " + std::to_string(i));
}

struct Case {
    const char* name;
    const char* environment;
    const char* finding; // what the log must say; null for nothing that is a finding
    void (*run)();
};

const Case Cases[] = {
    {"a kernel computes", "", nullptr,
     [] {
         Device device;
         expect(device.run(kernel("\tld.global.f32 %f1, [%rd2];\n\tadd.f32 %f1, %f1, 0f3F800000;\n\tst.global.f32 [%rd1], %f1;\n"), 3) == 0,
                "it runs");
         for (int i = 0; i < 192; i++)
             expect(device.to[i] == (float)i + 1, "element " + std::to_string(i));
     }},
    {"lanes that part meet again", "", nullptr,
     [] {
         Device device;
         device.run(kernel("\tmov.f32 %f1, 0f00000000;\n\tand.b32 %r5, %r1, 1;\n\tsetp.eq.s32 %p1, %r5, 0;\n\t@%p1 bra EVEN;\n"
                           "\tadd.f32 %f1, %f1, 0f40000000;\n\tbra DONE;\nEVEN:\n\tadd.f32 %f1, %f1, 0f40800000;\nDONE:\n"
                           "\tadd.f32 %f1, %f1, 0f3F800000;\n\tst.global.f32 [%rd1], %f1;\n"));
         for (int i = 0; i < 64; i++)
             expect(device.to[i] == (i % 2 ? 3.f : 5.f), "element " + std::to_string(i));
     }},
    {"a barrier makes shared memory safe", "", nullptr,
     [] {
         Device device;
         device.run(
             kernel("\tmov.u64 %rd6, table;\n\tmul.wide.s32 %rd7, %r1, 4;\n\tadd.s64 %rd7, %rd7, %rd6;\n\tld.global.f32 %f1, [%rd2];\n"
                    "\tst.shared.f32 [%rd7], %f1;\n\tbar.sync 0;\n\tsub.s32 %r7, 63, %r1;\n\tmul.wide.s32 %rd8, %r7, 4;\n\tadd.s64 %rd8, "
                    "%rd8, %rd6;\n"
                    "\tld.shared.f32 %f2, [%rd8];\n\tst.global.f32 [%rd1], %f2;\n",
                    SharedFloats));
         for (int i = 0; i < 64; i++)
             expect(device.to[i] == (float)(63 - i), "element " + std::to_string(i));
     }},
    {"a barrier that is missing is a race", "", "shared race",
     [] {
         Device().run(
             kernel("\tmov.u64 %rd6, table;\n\tmul.wide.s32 %rd7, %r1, 4;\n\tadd.s64 %rd7, %rd7, %rd6;\n\tld.global.f32 %f1, [%rd2];\n"
                    "\tst.shared.f32 [%rd7], %f1;\n\tsub.s32 %r7, 63, %r1;\n\tmul.wide.s32 %rd8, %r7, 4;\n\tadd.s64 %rd8, %rd8, %rd6;\n"
                    "\tld.shared.f32 %f2, [%rd8];\n\tst.global.f32 [%rd1], %f2;\n",
                    SharedFloats));
     }},
    {"two blocks that write a word are a race", "", "global race write/write",
     [] { Device().run(kernel("\tmov.u32 %r5, %ctaid.x;\n\tcvt.rn.f32.u32 %f1, %r5;\n\tst.global.f32 [%rd3], %f1;\n"), 2, 1); }},
    {"blocks that meet see what the other wrote", "", nullptr, expectMeeting},
    {"blocks that meet run on two processors of the host, too", "CUSIM_THREADS=2", nullptr, expectMeeting},
    {"more blocks than there is room for run one after the other", "CUSIM_RESIDENT=2 CUSIM_THREADS=2", nullptr,
     [] {
         Device device;
         expect(device.run(kernel("\tatom.global.add.u32 %r5, [%rd4], 0;\n\tst.global.f32 [%rd1], 0f3F800000;\n"), 20) == 0, "it runs");
         for (int i = 0; i < 20 * 64; i++)
             expect(device.to[i] == 1.f, "element " + std::to_string(i));
     }},
    {"blocks that meet without fences race", "", "global race read/write", [] { Device().run(meeting("", ""), 2); }},
    {"they race without the first fence", "", "global race read/write", [] { Device().run(meeting("", Fence), 2); }},
    {"they race without the last fence", "", "global race read/write", [] { Device().run(meeting(Fence, ""), 2); }},
    {"they race without the first barrier", "", "global race read/write", [] { Device().run(meeting(Fence, Fence, ""), 2); }},
    {"they race where the last fence is behind the last barrier", "", "global race read/write",
     [] { Device().run(meeting(Fence, "", Barrier, Barrier + FirstThread), 2); }},
    {"a fence of a block orders nothing for others", "", "global race read/write",
     [] { Device().run(meeting("\tmembar.cta;\n", "\tmembar.cta;\n"), 2); }},
    {"blocks that do not run at once wait for ever", "CUSIM_RESIDENT=1 CUSIM_HANG=1e5", "hang",
     [] { expect(Device().run(meeting(), 2) != 0, "it ends with an error"); }},
    {"an access behind a buffer is a fault that stays", "", "out of bounds",
     [] {
         Device device;
         expect(device.run(kernel("\tst.global.f32 [%rd1+100000], %f1;\n")) == 700, "the fault is 700");
         uint64_t address;
         expect(cuMemAlloc_v2(&address, 4) == 700, "later calls return it, too");
     }},
    {"an access across its alignment is a fault", "", "misaligned",
     [] { expect(Device().run(kernel("\tst.global.f32 [%rd1+2], %f1;\n")) == 716, "the fault is 716"); }},
    {"memory that nobody wrote is not read", "", "uninitialised global read",
     [] { Device().run(kernel("\tld.global.f32 %f1, [%rd1];\n\tst.global.f32 [%rd1], %f1;\n")); }},
    {"a barrier that half of a warp reaches", "", "divergent barrier",
     [] {
         Device().run(kernel("\tsetp.lt.s32 %p1, %r1, 16;\n\t@%p1 bra WAIT;\n\tbra DONE;\nWAIT:\n\tbar.sync 0;\nDONE:\n\tst.global.f32 "
                             "[%rd1], 0f00000000;\n"));
     }},
    {"a barrier after half of the threads have ended", "", "barrier after some threads have ended",
     [] { Device().run(kernel("\tsetp.ge.s32 %p1, %r1, 32;\n\t@%p1 bra DONE;\n\tbar.sync 0;\nDONE:\n")); }},
    {"a loop without end is told", "CUSIM_HANG=1e5", "hang",
     [] { expect(Device().run(kernel("LOOP:\n\tbra LOOP;\n")) != 0, "it ends with an error"); }},
    {"a call fails when it is told to", "CUSIM_FAIL=cuMemAlloc_v2:3:2", nullptr,
     [] {
         Device device;
         uint64_t address;
         expect(cuMemAlloc_v2(&address, 4) == 2, "the third allocation fails");
         expect(cuMemAlloc_v2(&address, 4) == 0 && cuMemFree_v2(address) == 0, "the fourth does not");
     }},
    {"PTX that is wrong is refused", "", nullptr,
     [] {
         Device device;
         void* module;
         char log[200] = "";
         int names[] = {5, 6};
         void* values[] = {log, (void*)sizeof log};
         std::string wrong = kernel("\tnonsense.f32 %f1, %f2;\n");
         expect(cuModuleLoadDataEx(&module, wrong.c_str(), 2, names, values) == 218, "the result is 218");
         expect(strstr(log, "nonsense"), std::string("the JIT's log names it: ") + log);
     }},
    {"sectors are counted", "CUSIM_STATS=/dev/stderr", "global loads: 2 accesses, 36 sectors, 33 lines, 8 sectors at best",
     [] {
         // 32 neighbouring floats are 4 sectors of 32 bytes in a line; floats 128 bytes apart have a sector and a line each.
         Device device;
         device.run(kernel("\tld.global.f32 %f1, [%rd2];\n\tmul.wide.s32 %rd6, %r1, 128;\n\tadd.s64 %rd7, %rd4, %rd6;\n"
                           "\tld.global.f32 %f2, [%rd7];\n\tadd.f32 %f1, %f1, %f2;\n\tst.global.f32 [%rd1], %f1;\n"),
                    1, 32);
     }},
};

// Runs a case in a process of its own, and reads what the driver logs.
bool passes(const char* self, size_t number) {
    const Case& one = Cases[number];
    std::string command = std::string(one.environment) + " '" + self + "' " + std::to_string(number) + " 2>&1", output;
    FILE* child = popen(command.c_str(), "r");
    char line[1000];
    while (child && fgets(line, sizeof line, child))
        output += line;
    bool ended = child && pclose(child) == 0;
    bool found = one.finding ? output.find(one.finding) != std::string::npos : output.find("FINDING") == std::string::npos;
    printf("%s  %s\n", ended && found ? "ok    " : "FAILED", one.name);
    if (!ended || !found)
        printf("    expected %s; it said:\n%s", one.finding ? one.finding : "no finding", output.c_str());
    return ended && found;
}
} // namespace

int main(int count, char** arguments) {
    if (count > 1) {
        Cases[atoi(arguments[1])].run();
        return failures != 0;
    }

    size_t passed = 0, all = sizeof Cases / sizeof *Cases;
    for (size_t i = 0; i < all; i++)
        passed += passes(arguments[0], i);
    printf("%zu passed, %zu failed\n", passed, all - passed);
    return passed != all;
}
