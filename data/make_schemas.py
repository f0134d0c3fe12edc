#!/usr/bin/env python3
"""Writes the schema files beside it: how each CSV column of the known data sets becomes features.

Quantile edges, means and categories are computed on the training rows of the split rule only (data/README.md), so
no test row touches an encoding. Run it again only when an encoding is to change:

    python3 data/make_schemas.py [NAME ...]

Sets that are not here (exported ones, see ./dev data) are skipped. Standard library only; output is reproducible.
"""
import csv
import gzip
import math
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
MASK = (1 << 64) - 1


def splitmix64(i):
    z = (i + 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def read(name, separator=","):
    """All rows, and the training rows of the split rule."""
    with gzip.open(HERE / name, "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter=separator))
    return rows, [row for i, row in enumerate(rows) if splitmix64(i) % 10 >= 3]


def number(x):
    """The shortest text that reads back as the same double; whole numbers without a point."""
    return str(int(x)) if x == int(x) else repr(float(x))


def text(x):
    return '"' + x.replace("\\", "\\\\").replace('"', '\\"') + '"'


def key(name):
    bare = all(c.isascii() and (c.isalnum() or c in "-_") for c in name)
    return name if bare else text(name)


def listing(items, indent):
    """A TOML array; a long one is wrapped at 110 columns."""
    flat = "[" + ", ".join(items) + "]"
    if len(flat) <= 70:
        return flat
    lines, line = ["["], " " * indent
    for item in items:
        if len(line) + len(item) + 1 > 110:
            lines.append(line.rstrip())
            line = " " * indent
        line += item + ", "
    return "\n".join(lines + [line.rstrip(" ,") + "]"])


def present(rows, column):
    return [float(row[column]) for row in rows if row[column] != ""]


def missing(rows, column):
    return ", with_missing = true" if any(row[column] == "" for row in rows) else ""


def bins(rows, column, count=16):
    """Quantile bins; equal edges (heavy ties) are merged, so skewed columns get fewer bins."""
    values = sorted(present(rows, column))
    edges = sorted({values[j * len(values) // count] for j in range(1, count)})
    if edges and edges[-1] == values[-1]:
        edges.pop()  # nothing lies above the largest value
    return f'{{ kind = "bins", edges = {listing([number(e) for e in edges], 4)}{missing(rows, column)} }}'


def zscore(rows, column):
    values = present(rows, column)
    mean = math.fsum(values) / len(values)
    stddev = math.sqrt(math.fsum((v - mean) ** 2 for v in values) / len(values))
    return f'{{ kind = "zscore", mean = {mean:.9g}, stddev = {stddev:.9g}{missing(rows, column)} }}'


def one_hot(rows, column, least=1):
    """Known categories in order of their names; those with fewer than `least` training rows share "other"."""
    counts = {}
    for row in rows:
        counts[row[column]] = counts.get(row[column], 0) + 1
    names = [name for name, count in counts.items() if count >= least]
    names.sort(key=lambda name: (0, int(name), "") if name.isdigit() else (1, 0, name))
    return f'{{ kind = "one_hot", categories = {listing([text(n) for n in names], 4)} }}'


def write(name, comment, head, columns):
    lines = [f"# {line}".rstrip() for line in comment.strip().splitlines()]
    lines += ["# Written by data/make_schemas.py from the training rows of the split rule.", ""]
    lines += [f"{k} = {v}" for k, v in head.items()]
    lines += ["", "[columns]"] + [f"{key(k)} = {v}" for k, v in columns.items()]
    (HERE / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("wrote", name)


def bank_marketing():
    rows, train = read("bank-marketing.csv.gz", ";")
    numeric = ["age", "balance", "day", "campaign", "pdays", "previous"]
    jobs = sorted({row["job"] for row in rows})
    head = {"label": '"y"', "task": '"binary"', "positive": '["yes"]', "group": '"job"',
            "groups": listing([text(j) for j in jobs], 4), "separator": '";"'}
    names = [name for name in rows[0] if name != "y"]
    for file, kind, what in (
            ("bank-marketing.schema.toml", bins,
             "numeric columns in 16 quantile bins (fewer where values repeat), text columns one-hot.\n"
             "For factorization machines. pdays = -1 (never contacted before) falls into a bin of its own."),
            ("bank-marketing-zscore.schema.toml", zscore,
             "numeric columns as z-scores, text columns one-hot. For logistic regression and\n"
             "neural networks.")):
        columns = {}
        for name in names:
            if name == "duration":  # known only after the call has ended: it gives the answer away
                columns[name] = '{ kind = "ignore" }'
            else:
                columns[name] = kind(train, name) if name in numeric else one_hot(train, name)
        write(file, "Bank Marketing: will the client subscribe? Twelve branches, one per job.\n"
              "Encoding: " + what, head, columns)


def birdstrikes():
    rows, _ = read("birdstrikes.csv.gz")
    counts = {}
    for row in rows:
        name = row["Aircraft Airline Operator"]
        counts[name] = counts.get(name, 0) + 1
    airlines = sorted(name for name, count in counts.items()
                      if count >= 100 and name not in ("MILITARY", "BUSINESS"))
    assert len(airlines) == 18, airlines
    train = [row for i, row in enumerate(rows)
             if splitmix64(i) % 10 >= 3 and row["Aircraft Airline Operator"] in airlines]
    head = {"label": '"Effect Amount of damage"', "task": '"binary"',
            "positive": '["Minor", "Medium", "Substantial", "B", "C"]',
            "group": '"Aircraft Airline Operator"', "groups": listing([text(a) for a in airlines], 4),
            "separator": '","'}
    # The costs are known only after the damage, so they give the answer away.
    ignored = {name: '{ kind = "ignore" }' for name in ("Cost Other", "Cost Repair", "Cost Total $")}
    names = ["Airport Name", "Aircraft Make Model", "Flight Date", "Aircraft Airline Operator", "Origin State",
             "Phase of flight", "Wildlife Size", "Wildlife Species", "Time of day", "Speed IAS in knots"]
    for file, kind, what in (
            ("birdstrikes.schema.toml", bins, "speed in 16 quantile bins, text columns one-hot."),
            ("birdstrikes-zscore.schema.toml", zscore, "speed as a z-score, text columns one-hot.")):
        columns = {}
        for name in names:
            if name == "Flight Date":
                columns[name] = '{ kind = "month" }'
            elif name == "Speed IAS in knots":
                columns[name] = kind(train, name)
            else:
                columns[name] = one_hot(train, name, least=2)
        write(file, "Bird strikes: did the strike damage the aircraft? Eighteen airlines, those with at least 100\n"
              "reports. Encoding: " + what, head, columns | ignored)


def insteval():
    rows, _ = read("exported/insteval.csv.gz")
    # The levels of the identifiers are public knowledge (the package documents them), not fitted: all rows count.
    columns = {name: one_hot(rows, name) for name in ("s", "d", "studage", "lectage", "service", "dept")}
    departments = sorted({row["dept"] for row in rows}, key=int)
    common = {"group": '"dept"', "groups": listing([text(d) for d in departments], 4), "separator": '","'}
    columns = {"id": '{ kind = "ignore" }'} | columns
    write("insteval.schema.toml", "InstEval: the rating (1 to 5) that a student gave a lecture. Fourteen departments.",
          {"label": '"y"', "task": '"regression"'} | common, columns)
    write("insteval-like.schema.toml", "InstEval: did the student like the lecture (rating 4 or 5)? Fourteen departments.",
          {"label": '"y"', "task": '"binary"', "positive_at_least": "4"} | common, columns)


def spambase():
    rows, train = read("exported/spambase.csv.gz")
    columns = {"id": '{ kind = "ignore" }'}
    columns |= {name: zscore(train, name) for name in rows[0] if name not in ("id", "type")}
    write("spambase.schema.toml", "Spambase: is the message spam? 57 word, character and run-length statistics as z-scores.",
          {"label": '"type"', "task": '"binary"', "positive": '["spam"]', "separator": '","'}, columns)


def main():
    makers = {"bank-marketing": bank_marketing, "birdstrikes": birdstrikes, "insteval": insteval, "spambase": spambase}
    for name in sys.argv[1:] or makers:
        try:
            makers[name]()
        except FileNotFoundError as error:
            print(f"skipped {name}: {error.filename} is missing (run ./dev data {name})")


main()
