"""From a module name to a requirement: the order of evidence, and what is never guessed."""

from __future__ import annotations

import pytest

from conftest import World
from load._install.declared import Declared
from load._install.name_table import TABLE
from load._install.names import Need, need_for, need_for_distribution


class Nothing(Declared):
    """A project that declares nothing."""

    def _mentions(self, folded: str) -> bool:
        return False


def need(module: str) -> Need:
    return need_for(module, Nothing(), {})


def found(module: str) -> tuple[str, str]:
    said = need(module)
    return said.requirement, said.because


@pytest.mark.parametrize(
    ("module", "requirement"),
    [
        ("yaml", "pyyaml"),
        ("bs4", "beautifulsoup4"),
        ("sklearn.linear_model", "scikit-learn"),
        ("cv2", "opencv-python"),
        ("PIL.Image", "pillow"),
        ("google.protobuf.message", "protobuf"),
        ("mysql.connector", "mysql-connector-python"),
    ],
)
def test_a_module_named_unlike_its_distribution_is_found_in_the_curated_table(module: str, requirement: str) -> None:
    assert found(module) == (requirement, "curated")


def test_the_longest_dotted_prefix_decides() -> None:
    assert found("google.oauth2.credentials") == ("google-auth", "curated")
    assert found("google.cloud.pubsub_v1.types") == ("google-cloud-pubsub", "curated")


def test_a_child_of_a_known_namespace_is_joined_with_dashes() -> None:
    assert need("azure.storage.blob").requirement == "azure-storage-blob"
    assert need("azure.storage.blob.aio").requirement == "azure-storage-blob"
    assert need("google.cloud.storage").requirement == "google-cloud-storage"


def test_an_unknown_child_of_a_namespace_stays_visibly_a_guess() -> None:
    assert found("azure.nosuchservice") == ("azure-nosuchservice", "namespace rule")


def test_a_bare_namespace_is_refused_with_its_children() -> None:
    said = need("azure")
    assert (said.requirement, said.because) == ("", "namespace")
    assert "azure.storage.blob" in said.candidates
    assert said.warning.startswith("'azure' is shared by many distributions: name the part, such as azure.")


def test_a_well_known_project_of_the_same_name_is_vouched_for() -> None:
    assert found("numpy") == ("numpy", "curated")
    assert found("flask") == ("flask", "curated")


def test_an_unknown_name_is_a_visible_guess() -> None:
    assert found("surely_nobody_wrote_this") == ("surely-nobody-wrote-this", "same name")


def test_a_distribution_name_gives_its_module() -> None:
    assert need_for_distribution("opencv-python-headless", "opencv-python-headless").module == "cv2"
    assert need_for_distribution("PyYAML>=6", "pyyaml").module == "yaml"
    assert need_for_distribution("unheard-of", "unheard-of").module == ""


def test_a_name_spelt_in_another_case_leads_to_the_module() -> None:
    said = need("ipython")
    assert (said.module, said.requirement) == ("IPython", "ipython")


@pytest.mark.parametrize("word", ["utils", "config", "models", "helpers", "Utils"])
def test_generic_words_are_never_guessed(word: str) -> None:
    said = need(word)
    assert (said.requirement, said.because) == ("", "generic word")


def test_other_projects_of_the_name_are_told() -> None:
    said = need_for_distribution("sklearn", "sklearn")
    assert said.candidates == ("scikit-learn",)
    assert said.warning.startswith("the distribution 'sklearn' is probably not what you mean")


@pytest.mark.parametrize("module", ["json.nope", "os.nope"])
def test_the_standard_library_is_never_installed(module: str) -> None:
    top = module.partition(".")[0]
    said = need(module)
    assert (said.requirement, said.because) == ("", "standard library")
    assert said.warning == f"{top!r} is in Python's own library, which has no {module!r}"


def test_modules_that_left_the_standard_library_are_never_installed() -> None:
    said = need("asynchat") if "asynchat" not in __import__("sys").stdlib_module_names else need("binhex")
    assert (said.requirement, said.because) == ("", "removed from the standard library")
    assert "was in the standard library until Python 3." in said.warning


def test_letters_that_no_distribution_name_has_are_named() -> None:
    said = need("numрy")
    assert said.requirement == ""
    assert said.candidates[0] == "numpy"
    assert said.warning == "'numрy' contains 'р' (CYRILLIC SMALL LETTER ER), which no distribution's name can"


def test_a_private_name_is_no_distribution() -> None:
    assert need("_hidden").because == "no distribution name"


def test_every_alias_leads_to_something_that_is_known() -> None:
    unknown = [row.name for row in TABLE.rows("alias") if found(row.value)[1] not in ("curated", "standard library")]
    assert unknown == []


def test_a_declared_requirement_comes_before_the_curated_table(world: World) -> None:
    world.write({"requirements.txt": "opencv-python-headless==4.9.*\nnumpy<2\n"})
    code = "import load; print(load.which('cv2').requirement, load.which('np').requirement, load.which('np').because)"
    assert world.printed(code) == "opencv-python-headless==4.9.* numpy<2 alias"


def test_what_is_installed_already_is_said_with_its_version(world: World) -> None:
    code = "import load; need = load.which('packaging.version'); print(need.because, need.requirement.startswith('packaging=='))"
    assert world.printed(code) == "installed True"


def test_your_own_module_is_local_and_never_installed(world: World) -> None:
    world.write({"helpers_of_mine/__init__.py": ""})
    assert world.printed("import load; print(load.which('helpers_of_mine').because)") == "local"
    assert world.error("load('helpers_of_mine.nope')") == (
        "ModuleMissing: no module named 'helpers_of_mine.nope': 'helpers_of_mine' is your own code at "
        f"{world.work}/helpers_of_mine/__init__.py, which has no 'helpers_of_mine.nope'"
    )
    assert world.index.requests == []


def test_which_neither_imports_nor_asks_the_network(world: World) -> None:
    code = """
        import sys, load
        before = set(sys.modules)
        for name in ("requests", "numpy", "azure.storage.blob", "PyYAML>=6", "plt", "nobody_has_this", "json", "imp"):
            load.which(name)
        print([name for name in set(sys.modules) - before if name in ("requests", "numpy", "json", "yaml")])
    """
    assert world.printed(code) == "[]"
    assert world.index.requests == []


def test_a_module_of_yours_comes_before_an_alias_of_its_name(world: World) -> None:
    world.write({"np.py": "MINE = True\n"})
    assert world.printed("import load; print(load.np.MINE)") == "True"


def test_a_distribution_name_without_a_hyphen_gives_its_module_too(world: World) -> None:
    assert (need("beautifulsoup4").module, need("beautifulsoup4").requirement) == ("bs4", "beautifulsoup4")
    assert need("PyYAML").module == "yaml"


def test_a_distribution_name_leads_to_the_module_that_is_here(world: World) -> None:
    world.write({"yaml.py": "MINE = 1\n"})
    assert world.printed("import load; print(load.PyYAML.MINE)") == "1"
    assert world.index.requests == []
