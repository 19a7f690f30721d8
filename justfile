# Recipes are one line each and need nothing but what they name: without `just`, copy the line.

# list the recipes
default:
    @just --list

# everything that CI checks, as CI does it
ci:
    .ci/run

# a virtual environment with all tools, the package installed so that edits take effect
workshop:
    python3 -m venv .venv && .venv/bin/pip install -e '.[test,dev,docs]'

# the tests; `just test -k marking` narrows
test *which:
    pytest {{which}}

# format, and mend what the linter can
tidy:
    ruff format . && ruff check --fix .

# what the linter and the type checker say
lint:
    ruff check . && ruff format --check . && mypy --strict -p titian

# the documentation at a local address, rebuilt on each change
docs:
    mkdocs serve

# write the generated pages of the reference anew
reference:
    python docs/generate.py

# two nodes, real intelligence, one table
demo:
    titian demo --once

# the figures, against peers and limits
bench:
    python -m benchmarks.exchange

# add what pyproject.toml newly asks for to constraints.txt; all other pins stay
pin:
    uv pip compile pyproject.toml --universal --python-version 3.11 --all-extras --generate-hashes --no-header --no-annotate --quiet --output-file constraints.txt

# move every pin to the newest version
upgrade:
    uv pip compile pyproject.toml --universal --python-version 3.11 --all-extras --generate-hashes --no-header --no-annotate --quiet --upgrade --output-file constraints.txt

# add the console's texts to the catalogue of each language; what is new in one is empty, and a test says so
catalogues:
    mkdir -p build && pybabel -q extract -F babel.cfg -k N_ -k pgettext:1c,2 --no-location --sort-output -o build/console.pot .
    for each in src/titian/web/console/locale/*.po; do pybabel -q update --no-fuzzy-matching --omit-header -i build/console.pot -l "$(basename "$each" .po)" -o "$each"; done
