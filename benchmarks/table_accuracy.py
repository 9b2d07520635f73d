#!/usr/bin/env python3
"""Makes the table of accuracies on tables: charrnn mlp at its defaults beside scikit-learn's networks and linear models.

    python3 benchmarks/table_accuracy.py CHARRNN [--splits N] [--only NAME,...] [-- OPTION ...]

CHARRNN is the program, or charrnn.dll, which dotnet then runs; options behind -- go to every charrnn mlp train. The tables are those that
scikit-learn and R have: Debian's packages are python3-sklearn, python3-pandas, r-base-core and r-cran-mass. Of each table, a random fifth
of the rows is held out, of classes the same share of each, and the same rows by all contestants; the measure is the accuracy there, or
R² of a quantity. scikit-learn gets numbers standardised with missing ones filled in by the mean, and categories one-hot.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import warnings

import numpy
import pandas
from sklearn import compose, datasets, impute, linear_model, metrics, model_selection, neural_network, pipeline, preprocessing

R_TABLES = """
library(MASS)
write <- function(d, name, names = TRUE)
    write.csv(as.data.frame(d), file.path(commandArgs(TRUE)[1], paste0(name, ".csv")), row.names = names)
for (name in c("airquality", "ChickWeight", "infert", "iris", "mtcars", "quakes", "swiss", "warpbreaks", "Boston", "Pima.tr", "fgl",
               "birthwt", "crabs", "Cars93", "cpus", "biopsy", "Melanoma", "Aids2", "survey", "whiteside", "bacteria"))
    write(get(name), name)
titanic <- as.data.frame(Titanic)
write(titanic[rep(seq_len(nrow(titanic)), titanic$Freq), 1:4], "Titanic", names = FALSE) # they would tell who survived
"""

LABELS = {
    "sk_iris": "target", "sk_wine": "target", "sk_breast_cancer": "target", "sk_digits": "target", "sk_diabetes": "target",
    "airquality": "Ozone", "ChickWeight": "weight", "infert": "case", "iris": "Species", "mtcars": "mpg",
    "quakes": "mag", "swiss": "Fertility", "warpbreaks": "breaks", "Boston": "medv", "Pima.tr": "type", "fgl": "type",
    "birthwt": "low", "crabs": "sex", "Cars93": "Price", "cpus": "perf", "biopsy": "class", "Melanoma": "status", "Aids2": "status",
    "survey": "Sex", "whiteside": "Gas", "bacteria": "y", "Titanic": "Survived",
}


def write_tables(folder):
    for name in ("iris", "wine", "breast_cancer", "digits", "diabetes"):
        getattr(datasets, f"load_{name}")(as_frame=True).frame.to_csv(folder / f"sk_{name}.csv", index=False)
    script = folder / "tables.R"
    script.write_text(R_TABLES)
    subprocess.run(["Rscript", script, folder], check=True, stdout=subprocess.DEVNULL)


def prepared(table, label):
    """The inputs' encoder. Row numbers and texts that hardly occur twice are left out, as charrnn does by itself."""
    inputs = table.drop(columns=[label] + [name for name in table.columns if name.startswith("Unnamed")])
    numbers = [name for name in inputs if pandas.api.types.is_numeric_dtype(inputs[name])]
    words = [name for name in inputs if name not in numbers and inputs[name].nunique() <= max(10, len(inputs) / 2)]
    encoder = compose.ColumnTransformer([
        ("numbers", pipeline.make_pipeline(impute.SimpleImputer(), preprocessing.StandardScaler()), numbers),
        ("words", pipeline.make_pipeline(
            impute.SimpleImputer(strategy="most_frequent"), preprocessing.OneHotEncoder(handle_unknown="ignore")), words),
    ])
    return inputs, encoder


def peers(is_quantity, seed):
    if is_quantity:
        def scaled(model):
            return compose.TransformedTargetRegressor(model, transformer=preprocessing.StandardScaler())
        return {
            "network": scaled(neural_network.MLPRegressor(max_iter=1000, random_state=seed)),
            "linear": linear_model.LinearRegression(),
        }
    return {
        "network": neural_network.MLPClassifier(max_iter=1000, random_state=seed),
        "linear": linear_model.LogisticRegression(max_iter=1000),
    }


def ours(charrnn, folder, train, test, label, task, options):
    train.to_csv(folder / "train.csv", index=False)
    test.to_csv(folder / "test.csv", index=False)
    program = ["dotnet", charrnn] if charrnn.endswith(".dll") else [charrnn]
    run = ["--device", "cpu", "--quiet"]
    subprocess.run(
        [*program, "mlp", "train", folder / "train.csv", "--label", label, "--out", folder / "run", "--overwrite", *run, *options],
        check=True, stdout=subprocess.DEVNULL)
    measured = subprocess.run(
        [*program, "mlp", "eval", folder / "run", folder / "test.csv", "--json", *run], check=True, stdout=subprocess.PIPE)
    result = json.loads(measured.stdout)
    if (result["accuracy"] is None) != (task == "regress"):
        raise SystemExit(f"{label}: charrnn took it for another task than {task}")
    return result


def shown(score):
    return f"{score:.3f}" if abs(score) < 1000 else f"{score:.0e}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("charrnn")
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--only", default="")
    parser.add_argument("options", nargs="*")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    behind = []
    with tempfile.TemporaryDirectory() as place:
        folder = pathlib.Path(place)
        write_tables(folder)
        print("| table | rows | measure | charrnn mlp | scikit-learn's network | linear | behind the better by standard errors |")
        print("|---|---|---|---|---|---|---|")
        for name, label in LABELS.items():
            if arguments.only and name not in arguments.only.split(","):
                continue
            table = pandas.read_csv(folder / f"{name}.csv").dropna(subset=[label])
            values = table[label].nunique()
            is_quantity = pandas.api.types.is_numeric_dtype(table[label]) and values > 2 and (values > 20 or len(table) < 5 * values)
            inputs, encoder = prepared(table, label)
            scores = {}
            for seed in range(arguments.splits):
                rows = numpy.arange(len(table))
                train, test = model_selection.train_test_split(
                    rows, test_size=0.2, random_state=seed, stratify=None if is_quantity else table[label])
                for peer, model in peers(is_quantity, seed).items():
                    fitted = pipeline.make_pipeline(encoder, model).fit(inputs.iloc[train], table[label].iloc[train])
                    said = fitted.predict(inputs.iloc[test])
                    score = metrics.r2_score if is_quantity else metrics.accuracy_score
                    scores.setdefault(peer, []).append(score(table[label].iloc[test], said))
                task = "regress" if is_quantity else "classify"
                result = ours(
                    arguments.charrnn, folder, table.iloc[train], table.iloc[test], label, task,
                    [*arguments.options, "--seed", str(seed + 1)])
                scores.setdefault("ours", []).append(
                    1 - result["rmse"] ** 2 / table[label].iloc[test].var(ddof=0) if is_quantity else result["accuracy"])
            mean = {who: numpy.mean(values) for who, values in scores.items()}
            best = max(("network", "linear"), key=mean.get)
            difference = numpy.array(scores[best]) - numpy.array(scores["ours"])
            error = max(numpy.std(scores[best], ddof=1), 1e-9) / numpy.sqrt(arguments.splits)
            behind.append(difference.mean() / error)
            means = " | ".join(shown(mean[who]) for who in ("ours", "network", "linear"))
            print(f"| {name} | {len(table)} | {'R²' if is_quantity else 'accuracy'} | {means} | {behind[-1]:.1f} |", flush=True)
    print(f"\n{sum(value <= 1 for value in behind)} of {len(behind)} within one standard error of the better.")


if __name__ == "__main__":
    sys.exit(main())
