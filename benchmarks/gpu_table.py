"""The table of a GPU: charrnn verified, then its training steps beside PyTorch's (cuDNN), in turn, and what each of its kernels
takes, as Markdown and JSON.

    python3 gpu_table.py CHARRNN [--device cuda] [--rounds 5] [--seconds 1] [--only abcdefghij] [--output DIR]

CHARRNN is the program, such as a self-contained one for a machine without .NET:

    dotnet publish src/CharRnn.Gpu.Cli -c Release -r linux-x64 --self-contained -p:PublishSingleFile=true \\
        -p:EnableCompressionInSingleFile=true -p:InvariantGlobalization=true --output artifacts/gpu

Contestants take turns; the medians count, and of ratios the medians of the rounds' ratios. Where there is no PyTorch, or no
CUDA for it, the table has charrnn alone. Exits with 1 if `charrnn verify` fails.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys

# The cell, its layers, H, B and T.
CONFIGURATIONS = {
    "a": ("rnn", 1, 100, 1, 25),
    "b": ("rnn", 1, 128, 50, 50),
    "c": ("rnn", 1, 512, 64, 100),
    "d": ("rnn", 1, 1024, 128, 100),
    "e": ("rnn", 1, 2048, 256, 100),
    "f": ("lstm", 1, 100, 1, 25),
    "g": ("lstm", 1, 128, 50, 50),
    "h": ("lstm", 1, 512, 64, 50),
    "i": ("lstm", 2, 512, 64, 50),
    "j": ("gru", 2, 256, 64, 50),
}
GATES = {"rnn": 1, "lstm": 4, "gru": 3}

# Large enough for any GPU's limits.
PRODUCT_SIDE, COPIED_FLOATS = 4096, 1 << 26
VOCABULARY = 65


def charrnn(program, *arguments):
    run = subprocess.run([program, *arguments], capture_output=True, text=True)
    if run.returncode != 0:
        sys.exit(f"{program} {' '.join(arguments)}: exit code {run.returncode}\n{run.stdout}{run.stderr}")
    return run.stdout


def measure_ours(options, sizes, *more):
    cell, layers, hidden, streams, steps = map(str, sizes)
    line = charrnn(
        options.charrnn, "bench", "--json", "--device", options.device, "--seconds", str(options.seconds),
        "--cell", cell, "--layers", layers, "--hidden-size", hidden, "--batch-size", streams, "--seq-length", steps, *more)
    return json.loads(line)


def peers(sizes):
    """PyTorch's ways of the same steps, those that this machine has, and the limits: its matrix product, and its copy."""
    try:
        import torch
        sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "peers"))
        from pytorch_rnn import Copy, Product, Training
    except ImportError as error:
        print(f"no PyTorch here ({error}): charrnn alone", file=sys.stderr)
        return {}, None, None
    if not torch.cuda.is_available():
        print("PyTorch has no CUDA here: charrnn alone", file=sys.stderr)
        return {}, None, None
    product, copy = Product(PRODUCT_SIDE, "cuda"), Copy(COPIED_FLOATS, "cuda")
    found = {}
    for name, graphed in (("eager", False), ("graphed", True)):
        try:
            found[name] = Training(*sizes, graphed, "cuda")
        except RuntimeError as error:
            print(f"PyTorch {name} does not run: {str(error).partition(chr(10))[0]}", file=sys.stderr)
    return found, product, copy


def row(options, name, sizes):
    others, product, copy = peers(sizes)
    ours, theirs, limits = [], {peer: [] for peer in others}, []
    for _ in range(options.rounds):
        ours.append(measure_ours(options, sizes))
        for peer, training in others.items():
            theirs[peer].append(training.characters_per_second(options.seconds))
        if product:
            limits.append(product.flops_per_second(options.seconds / 4) / 1e9)
    speeds = [one["characters_per_second"] for one in ours]
    result = {
        "configuration": name,
        "cell": sizes[0], "layers": sizes[1], "hidden_size": sizes[2], "batch_size": sizes[3], "seq_length": sizes[4],
        "characters_per_second": statistics.median(speeds),
        "gflop_per_second": statistics.median(one["gflop_per_second"] for one in ours),
        "sampled_characters_per_second": statistics.median(one["sampled_characters_per_second"] for one in ours),
        "gradient_error": max(one["gradient_error"] for one in ours),
        "launches_per_step": ours[0]["launches_per_step"],
        "plan": ours[0]["plan"],
        "device": ours[0]["device"],
        "kernels": measure_ours(options, sizes, "--profile")["kernels"],
    }
    for peer, figures in theirs.items():
        result[peer] = statistics.median(figures)
    if copy:
        result["copied_gigabytes_per_second"] = copy.bytes_per_second(options.seconds / 4) / 1e9
    if limits:
        result["product_gflop_per_second"] = statistics.median(limits)
        result["share"] = statistics.median(one["gflop_per_second"] / limit for one, limit in zip(ours, limits))
    if theirs:
        best = [max(figures) for figures in zip(*theirs.values())]
        result["ratio"] = statistics.median(mine / other for mine, other in zip(speeds, best))
    return result


def share_of_limit(row, kernel):
    """What a kernel reaches of PyTorch's product, or the update of its copy: it reads θ, m and g, and writes θ, m and the transposes."""
    if kernel["kernel"] == "Update":
        hidden, gates, layers = row["hidden_size"], GATES[row["cell"]], row["layers"]
        transposed = gates * hidden * hidden * (2 * layers - 1) + hidden * VOCABULARY
        moved = 20 * (transposed + gates * hidden * (VOCABULARY + layers) + VOCABULARY) + 4 * transposed
        reached, limit = moved / kernel["seconds_per_step"] / 1e9, row.get("copied_gigabytes_per_second")
    else:
        reached, limit = kernel["gflop_per_second"], row.get("product_gflop_per_second")
    return f"{reached / limit:.0%}" if limit and reached is not None else "–"


def markdown(rows, options):
    def number(value):
        return "–" if value is None else f"{value:,.0f}"

    lines = [
        f"{rows[0]['device']}; medians of {options.rounds} rounds of {options.seconds:g} s, contestants in turn; 65 characters; float32.",
        "",
        "| | cell, N × H, B, T | characters/s | GFLOP/s | share of PyTorch's product rate | PyTorch eager | PyTorch graphed | ratio to the better | gradients' error | sampling, characters/s | launches per step | plan |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        ratio = f"{r['ratio']:.2f}" if "ratio" in r else "–"
        share = f"{r['share']:.0%} of {r['product_gflop_per_second']:,.0f}" if "share" in r else "–"
        lines.append(
            f"| {r['configuration']} | {r['cell']}, {r['layers']} × {r['hidden_size']}, {r['batch_size']}, {r['seq_length']} | {number(r['characters_per_second'])} "
            f"| {number(r['gflop_per_second'])} | {share} | {number(r.get('eager'))} | {number(r.get('graphed'))} | {ratio} | {r['gradient_error']:.1E} "
            f"| {number(r['sampled_characters_per_second'])} | {r['launches_per_step']:.3f} | {r['plan']} |")
    lines += ["", "The device's time in each kernel, of one step:", "", "| | kernel | launches | us | share of the step | GFLOP/s | share of PyTorch's product or, of the update, of its copy |",
              "|---|---|---|---|---|---|---|"]
    for r in rows:
        whole = sum(kernel["seconds_per_step"] for kernel in r["kernels"])
        for kernel in r["kernels"]:
            lines.append(
                f"| {r['configuration']} | {kernel['kernel']} | {kernel['launches_per_step']:.2f} | {kernel['seconds_per_step'] * 1e6:.1f} "
                f"| {kernel['seconds_per_step'] / whole:.0%} | {number(kernel['gflop_per_second'])} | {share_of_limit(r, kernel)} |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("charrnn", help="the program")
    parser.add_argument("--device", default="cuda", help="charrnn's device (cuda)")
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each contestant (5)")
    parser.add_argument("--seconds", type=float, default=1, help="of each measurement (1)")
    parser.add_argument("--only", default="".join(CONFIGURATIONS), help="the configurations to measure (all)")
    parser.add_argument("--output", default="artifacts/benchmarks", help="where gpu-table.md and gpu-table.json go (artifacts/benchmarks)")
    options = parser.parse_args()
    if not set(options.only) <= set(CONFIGURATIONS):
        parser.error(f"--only: is '{options.only}'; give letters of {''.join(CONFIGURATIONS)}")

    print(charrnn(options.charrnn, "verify", "--device", options.device, "--quiet").splitlines()[-1], flush=True)
    os.makedirs(options.output, exist_ok=True)
    rows = []
    for name, sizes in CONFIGURATIONS.items():
        if name not in options.only:
            continue
        rows.append(row(options, name, sizes))
        # Written after each row: a machine that is taken away leaves what was measured.
        table = markdown(rows, options)
        with open(os.path.join(options.output, "gpu-table.md"), "w", encoding="utf-8") as file:
            file.write(table)
        with open(os.path.join(options.output, "gpu-table.json"), "w", encoding="utf-8") as file:
            json.dump(rows, file, indent=2)
        print(next(line for line in table.splitlines() if line.startswith(f"| {name} |")), flush=True)


if __name__ == "__main__":
    main()
