"""Sphinx's settings: the site is made of the Markdown files where they lie, and of the docstrings.

The source folder is the repository itself, so that a relative link means the same in the site and in a plain view of
the files. `make docs` builds it.
"""

import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent / "site_extensions")]

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
project, version, release = PROJECT["name"], PROJECT["version"], PROJECT["version"]
html_title = f"blis and evolve {version}"

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "navigation",
    "folder_links",
    "reference_pages",
    "field_docs",
]

root_doc = "README"
include_patterns = [
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "docs/**.md",
    "docs/reference/**.rst",
    "experiments/*/README.md",
    "leaderboard/README.md",
    "hardware/steps/README.md",
    "blis/workload/data/README.md",
]
exclude_patterns = [".*", "build", "outputs"]

#: Caption of the side bar -> pages below it, in this order; a pattern takes what is left.
navigation = {
    "Start": ["docs/tutorial", "docs/architecture"],
    "Guides": [
        "docs/policies",
        "docs/fleet",
        "docs/exchange",
        "docs/workloads",
        "docs/logs",
        "docs/scenarios",
        "docs/metrics",
        "docs/explaining",
        "docs/report",
        "docs/calibration",
        "docs/evolution",
        "docs/*",
    ],
    "Evidence": [
        "docs/physics",
        "docs/semantics",
        "docs/validation",
        "docs/performance",
        "docs/scale",
        "experiments/*/README",
        "leaderboard/README",
    ],
    "Python reference": ["docs/reference/blis", "docs/reference/blis.engine.views", "docs/reference/evolve"],
    "Project": ["CONTRIBUTING", "CHANGELOG"],
    "Data": ["docs/examples/README", "docs/examples/*/README", "blis/workload/data/README", "hardware/steps/README"],
}

#: Packages of which every folder gets a page, but for those that only the commands use.
reference_packages = ["blis", "evolve"]
reference_hidden = ["blis.engine", "blis.command", "blis.recorded", "blis.output"]
#: Modules that get a page although their folder has none: what policies see.
reference_modules = ["blis.engine.views"]

myst_heading_anchors = 4
myst_enable_extensions = ["dollarmath"]
suppress_warnings = ["myst.header"]  # a page may begin with a figure

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings say it with units
autodoc_preserve_defaults = True
autodoc_default_options = {"members": True, "member-order": "bysource"}
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_preprocess_types = False
default_role = "py:obj"  # a name in single back-ticks becomes a link where it is documented, and stays code elsewhere
add_module_names = False
toc_object_entries = False
python_use_unqualified_type_names = True

html_theme = "furo"
html_theme_options = {"navigation_with_keys": True}
html_static_path = ["site_extensions/static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
copybutton_prompt_text = "$ "
