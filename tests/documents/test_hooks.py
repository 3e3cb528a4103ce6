"""The hooks before a commit and `make check` are one list."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]


def test_the_hooks_before_a_commit_run_what_make_check_runs() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    recipe = re.search(r"^check:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    document = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    hooks = [hook["entry"] for repository in document["repos"] for hook in repository["hooks"]]

    assert recipe
    checked = [line.strip().replace("$(BIN)/", ".venv/bin/").removesuffix(" .") for line in recipe[1].splitlines()]
    assert [hook.removesuffix(" --force-exclude") for hook in hooks] == checked


def test_every_target_is_in_the_list_that_make_help_shows() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)

    assert phony
    assert set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE)) == set(phony[1].split())
