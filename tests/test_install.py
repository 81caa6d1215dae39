"""The main job: what is missing is resolved, staged, proved, activated and imported."""

from __future__ import annotations

from conftest import World


def test_a_missing_declared_module_is_installed_and_imported(either: World) -> None:
    either.wheel("tinydist", files={"tinymod.py": "VALUE = 7\n"})
    either.write({"requirements.txt": "tinydist\n", "pyproject.toml": '[tool.load.names]\ntinymod = "tinydist"\n'})
    assert either.printed("import load; print(load.tinymod.VALUE)") == "7"


def test_the_second_process_asks_neither_the_index_nor_an_installer(either: World) -> None:
    either.wheel("tinymod")
    either.write({"requirements.txt": "tinymod\n"})
    assert either.printed("import load; print(load.tinymod.VERSION)") == "1.0"
    either.index.requests.clear()
    code = "import load, sys; load.tinymod; print('subprocess' in sys.modules, [e.kind for e in load.history()])"
    assert either.printed(code) == "False ['resolve', 'activate', 'import']"
    assert either.index.requests == []


def test_only_what_is_missing_is_staged(either: World) -> None:
    either.wheel("base", "1.0")
    either.wheel("base", "2.0")
    either.wheel("upper", requires=["base"])
    either.write({"requirements.txt": "base<2\nupper\n"})
    code = """
        import load
        load.base
        load.upper
        print([r.summary() for r in load.receipts()], load.base.VERSION)
    """
    out = either.printed(code)
    assert "base 1.0" in out and "upper 1.0; " in out and out.count("base") == 1 and out.endswith(" 1.0"), out


def test_a_distribution_that_does_not_provide_the_module_is_never_activated(either: World) -> None:
    either.wheel("tinymod", files={"other.py": ""})
    either.write({"requirements.txt": "tinymod\n"})
    assert either.error("load.tinymod") == (
        "InstallFailed: 'tinymod' could not be installed for 'tinymod': tinymod 1.0 does not provide the module 'tinymod'; "
        "it provides 'other'\n"
        "Ways out:\n"
        '  - name the distribution that does: load("tinymod", requirement="…")'
    )
    assert either.layers() == []


def test_a_requirement_of_an_unknown_distribution_finds_its_module_and_its_layer_again(either: World) -> None:
    either.wheel("unheard-of", files={"strangely_named.py": "VALUE = 1\n"})
    code = "import load; print(load('unheard-of>=1', install=True).__name__)"
    assert either.printed(code) == "strangely_named"
    either.index.requests.clear()
    assert either.printed(code) == "strangely_named"
    assert either.index.requests == []


def test_a_distribution_with_several_modules_asks_which(world: World) -> None:
    world.wheel("twins", files={"castor.py": "", "pollux.py": ""})
    assert world.error("load('twins>=1', install=True)") == (
        "AmbiguousModule: 'twins>=1' provides several modules: castor, pollux\n"
        "Ways out:\n"
        "  - say which: load('twins>=1', module=\"castor\")"
    )
    assert world.layers() == []
    assert world.printed("import load; print(load('twins', module='pollux', install=True).__name__)") == "pollux"


def test_an_extra_of_what_is_here_is_installed_and_what_is_here_is_not(either: World) -> None:
    either.wheel("socksy")
    either.wheel("requesty", requires=["socksy; extra == 'socks'"], extras={"socks": ["socksy"]})
    code = """
        import load
        load("requesty==1.0", install=True)
        print(load("requesty[socks]", install=True).__name__, load.socksy.VERSION, [r.summary() for r in load.receipts()])
    """
    out = either.printed(code)
    assert out.startswith("requesty 1.0 ['requesty 1.0; ") and "'socksy 1.0; " in out, out


def test_several_missing_modules_are_one_transaction(either: World) -> None:
    either.wheel("first", requires=["shared"])
    either.wheel("second", requires=["shared"])
    either.wheel("shared")
    either.write({"requirements.txt": "first\nsecond\n"})
    code = """
        import load
        one, two = load.import_aliases("first", "b=second")
        print(one.VERSION, two is load.b, [event.kind for event in load.history()].count("install"), len(load.receipts()))
    """
    assert either.printed(code) == "1.0 True 1 1"


def test_if_one_of_several_cannot_be_had_none_is_installed_and_all_reasons_are_listed(world: World) -> None:
    world.wheel("first")
    world.write({"requirements.txt": "first\n"})
    assert world.error("load.import_aliases('first', 'helpers', 'azure')").splitlines()[:3] == [
        "LoadError: 2 of 3 cannot be loaded:",
        "* 'helpers' is not here: 'helpers' is a word that many unrelated projects use: which one you mean is never guessed",
        "Ways out:",
    ]
    assert world.layers() == []


def test_what_is_installed_keeps_its_version_and_the_conflict_is_named(either: World) -> None:
    either.wheel("base", "1.0")
    either.wheel("base", "2.0")
    either.wheel("upper", requires=["base>=2"])
    either.write({"requirements.txt": "base==1.0\nupper\n"})
    code = """
        import load
        before = load.base
        try:
            load.upper
        except load.VersionConflict as error:
            print(error.wanted, error.present, error.loaded)
            print(str(error).splitlines()[0].partition(" (")[0])
        print(load.base is before, before.VERSION)
    """
    assert either.printed(code) == (
        "upper base==1.0 True\n"
        "'upper' needs upper, but base==1.0 is already imported and `load` never replaces what is here\n"
        "True 1.0"
    )


def test_a_version_that_is_not_the_one_here_is_a_conflict_before_anything_is_imported(world: World) -> None:
    code = """
        import load, sys
        try:
            load("packaging>=9999")
        except load.VersionConflict as error:
            print(error.wanted, "packaging" in sys.modules and "packaging.version" in sys.modules)
    """
    assert world.printed(code).startswith("packaging>=9999")


def test_a_wheel_of_this_machine_is_installed_and_imported(either: World) -> None:
    file = either.wheel("tinymod", files={"tinymod.py": "VALUE = 5\n"})
    code = f"import load; print(load({str(file)!r}).VALUE)"
    assert either.printed(code) == "5"
    either.index.requests.clear()
    assert either.printed(code) == "5"
    assert len(either.layers()) == 1
    assert either.index.hits("tinymod") == 0


def test_a_wheel_must_have_the_hash_that_was_said(world: World) -> None:
    from hashlib import sha256

    file = world.wheel("tinymod")
    digest = sha256(file.read_bytes()).hexdigest()
    assert world.printed(f"import load; print(load({str(file)!r}, sha256={digest!r}).VERSION)") == "1.0"
    message = world.error(f"load({str(file)!r}, sha256={'0' * 64!r})")
    assert message.startswith(f"InvalidTarget: cannot load {str(file)!r}: its SHA-256 is {digest}, not {'0' * 64}")


def test_a_wheel_of_this_machine_never_serves_a_plain_request_of_another_program(world: World) -> None:
    file = world.wheel("tinymod")
    world.printed(f"import load; load({str(file)!r})")
    assert world.error("load('tinymod', install=False)").startswith("InstallRefused: 'tinymod' is not here")


def test_a_dotted_name_of_an_object_is_found_last(either: World) -> None:
    either.wheel("tinypkg", files={"tinypkg/__init__.py": "", "tinypkg/inner.py": "class Thing:\n    pass\n"})
    either.write({"requirements.txt": "tinypkg\n"})
    code = "import load; print(load('tinypkg.inner.Thing').__name__, load('tinypkg.inner:Thing.__name__'))"
    assert either.printed(code) == "Thing Thing"


def test_a_module_that_the_installed_package_lacks_is_named(either: World) -> None:
    either.wheel("tinypkg", files={"tinypkg/__init__.py": ""})
    either.write({"requirements.txt": "tinypkg\n"})
    assert either.error("load('tinypkg.nope')") == (
        "ModuleMissing: no module named 'tinypkg.nope': what was installed for it does not have it\n"
        "Ways out:\n"
        "  - see what it has: dir(load('tinypkg'))"
    )
