"""May it be installed? Every "no" has a reason and a way out; what restricts wins on every path."""

from __future__ import annotations

import pytest

from conftest import World

OLD = "2020-01-01T00:00:00Z"


def times(world: World, when: str) -> None:
    """Let the index say that everything it has was uploaded then."""
    world.index.upload_times.update({file.name: when for file in (world.path / "index").iterdir()})


def established(world: World, name: str) -> None:
    """A project with ten releases, long ago."""
    for number in range(10):
        world.wheel(name, f"1.{number}")
    times(world, OLD)


def test_an_established_project_of_the_same_name_is_installed_without_a_question(either: World) -> None:
    established(either, "tinymod")
    done = either.run("import load; print(load.tinymod.VERSION)")
    assert done.stdout == "1.9\n", done.stderr
    assert done.stderr.startswith("load: installed tinymod 1.9 for tinymod") or done.stderr.startswith(
        "load: installed tinymod 1.9 in"
    )


def test_a_young_project_is_refused_where_nobody_can_be_asked(world: World) -> None:
    world.wheel("tinymod")
    assert world.error("load.tinymod") == (
        "InstallRefused: 'tinymod' is not here, and 'tinymod' was not installed for it: the distribution 'tinymod' is not "
        "established: 1 release, and the index does not say since when (there is nobody to ask)\n"
        "Ways out:\n"
        "  - to allow it: load('tinymod', install=True)"
    )
    assert world.layers() == []
    assert world.index.downloads() == []


def test_what_the_refusal_says_to_type_works(world: World) -> None:
    world.wheel("tinymod")
    assert world.printed("import load; print(load('tinymod', install=True).VERSION)") == "1.0"


def test_a_name_that_the_index_does_not_have_is_missing_and_no_installer_runs(world: World) -> None:
    assert world.error("load.tinymod") == (
        "ModuleMissing: no module named 'tinymod': the index has no distribution called 'tinymod'\n"
        "Ways out:\n"
        '  - name the distribution that provides it: load("tinymod", requirement="…")'
    )


@pytest.mark.parametrize(
    "code",
    [
        "load.tinymod",
        "load('tinymod', install=True)",
        "load('tinymod>=1')",
        "load.import_aliases('tinymod', 'a=other')",
    ],
)
def test_load_no_install_wins_on_every_path(world: World, code: str) -> None:
    world.wheel("tinymod")
    world.wheel("other")
    world.write({"requirements.txt": "tinymod\nother\n"})
    message = world.error(code, LOAD_NO_INSTALL="1")
    assert "LOAD_NO_INSTALL forbids every installation" in message
    assert "unset LOAD_NO_INSTALL" in message
    assert world.layers() == []
    assert world.index.requests == []


def test_a_layer_that_is_there_may_be_used_while_installing_is_forbidden(world: World) -> None:
    world.wheel("tinymod")
    world.printed("import load; load('tinymod', install=True)")
    assert world.printed("import load; print(load.tinymod.VERSION)", LOAD_NO_INSTALL="1") == "1.0"


@pytest.mark.parametrize("mode", ["off", "locked"])
def test_a_strict_mode_refuses_even_what_is_declared(world: World, mode: str) -> None:
    world.wheel("tinymod")
    world.write({"requirements.txt": "tinymod\n"})
    message = world.error("load.tinymod", LOAD_MODE=mode)
    assert message.startswith(
        "InstallRefused: 'tinymod' is not here, and 'tinymod' was not installed for it: the mode is"
    )
    assert 'to allow it: load.configure(mode="auto")' in message


def test_mode_ask_asks_even_for_what_is_declared_and_refuses_where_nobody_answers(world: World) -> None:
    world.wheel("tinymod")
    world.write({"requirements.txt": "tinymod\n"})
    assert "the mode is 'ask' (there is nobody to ask)" in world.error("load.tinymod", LOAD_MODE="ask")


def test_install_false_never_installs(world: World) -> None:
    world.wheel("tinymod")
    world.write({"requirements.txt": "tinymod\n"})
    assert "the call says install=False" in world.error("load('tinymod', install=False)")
    assert world.layers() == []


def test_a_library_cannot_consent_for_its_user(world: World) -> None:
    world.wheel("tinymod")
    world.wheel("greedy", files={"greedy.py": "import load\n\ndef grab():\n    return load('tinymod', install=True)\n"})
    message = world.error("load('greedy', install=True).grab()")
    assert message.startswith("InstallRefused: 'tinymod' is not here")
    assert len(world.layers()) == 1


def test_a_squatted_distribution_is_not_taken_for_the_module(world: World) -> None:
    established(world, "sklearn")
    message = world.error("load('sklearn>=1')")
    assert message.startswith("InstallRefused: 'sklearn>=1' is not here")
    assert "did you mean scikit-learn?" in message
    assert world.index.downloads() == []


def test_a_quarantined_project_is_refused_without_a_question(world: World) -> None:
    established(world, "tinymod")
    world.index.json = True
    world.index.project_status["tinymod"] = "quarantined"
    assert "the index has put the distribution 'tinymod' in quarantine" in world.error("load.tinymod")


def test_generic_words_are_refused_with_the_way_to_say_which(world: World) -> None:
    established(world, "helpers")
    assert world.error("load.helpers") == (
        "InstallRefused: 'helpers' is not here: 'helpers' is a word that many unrelated projects use: "
        "which one you mean is never guessed\n"
        "Ways out:\n"
        '  - name the distribution: load("helpers", requirement="…")'
    )
    assert world.index.requests == []


def test_a_release_younger_than_the_cooldown_is_not_chosen(world: World) -> None:
    established(world, "tinymod")
    fresh = world.wheel("tinymod", "2.0")
    world.index.upload_times[fresh.name] = _now()
    world.index.json = True
    assert world.printed("import load; print(load.tinymod.VERSION)", LOAD_COOLDOWN="3") == "1.9"


def test_fresh_lifts_the_cooldown_for_one_call(either: World) -> None:
    established(either, "tinymod")
    fresh = either.wheel("tinymod", "2.0")
    either.index.upload_times[fresh.name] = _now()
    either.index.json = True
    assert either.printed("import load; print(load('tinymod', fresh=True).VERSION)", LOAD_COOLDOWN="3") == "2.0"


def test_the_world_as_it_was_on_a_day(either: World) -> None:
    established(either, "tinymod")
    later = either.wheel("tinymod", "2.0")
    either.index.upload_times[later.name] = "2025-06-01T00:00:00Z"
    either.index.json = True
    code = "import load; print(load.tinymod.VERSION)"
    assert either.printed(code, LOAD_AS_OF="2025-01-01") == "1.9"
    assert either.printed(code) == "2.0"
    assert either.printed(code, LOAD_AS_OF="2025-01-01") == "1.9"


def test_an_index_without_upload_times_is_used_as_it_is_and_that_is_said_once(either: World) -> None:
    either.wheel("tinymod")
    either.wheel("other")
    either.write({"requirements.txt": "tinymod\nother\n"})
    code = """
        import load
        load.tinymod, load.other
        print(sum("cannot be told by their age" in event.detail for event in load.history()))
    """
    assert either.printed(code, LOAD_COOLDOWN="3") == "1"


def test_a_source_distribution_is_never_built_without_consent(either: World) -> None:
    from support.wheels import build_sdist

    trace = either.path / "it-ran"
    build_sdist(either.path / "index", "tinymod", "1.0", setup_py=f"open({str(trace)!r}, 'w').close()\n")
    either.write({"requirements.txt": "tinymod\n"})
    message = either.error("load.tinymod")
    assert message.startswith("InstallFailed: 'tinymod' could not be installed for 'tinymod': ")
    assert not trace.exists()


def _now() -> str:
    from datetime import UTC, datetime

    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_offline_uses_what_the_cache_has_and_asks_nobody(world: World) -> None:
    world.wheel("tinymod")
    world.write({"requirements.txt": "tinymod\n"})
    message = world.error("load.tinymod", LOAD_OFFLINE="1")
    assert "it is not in the cache, and the network is off" in message, message
    assert world.index.requests == []
    world.printed("import load; load.tinymod")
    world.index.requests.clear()
    code = "import load; print(load.tinymod.VERSION)"
    assert world.printed(code, LOAD_OFFLINE="1", LOAD_HOME=str(world.path / "another store")) == "1.0"
    assert world.index.requests == []


def test_pip_never_merges_indexes_that_uv_was_told_to_keep_apart(world: World) -> None:
    world.wheel("tinymod")
    world.write({"requirements.txt": "tinymod\n"})
    changes = {"UV_DEFAULT_INDEX": world.index.url, "UV_INDEX": "http://127.0.0.1:9/simple/", "LOAD_INSTALLER": "pip"}
    assert "your uv settings ask the first index that has a name; pip, which would have to run here, asks them all" in (
        world.error("load.tinymod", **changes)
    )
    assert world.index.requests == []


def test_a_name_of_an_index_without_upload_times_is_not_taken_from_another_index_instead(either: World) -> None:
    from support.index import Index
    from support.wheels import build_wheel

    established(either, "private")  # the public project of that name, with upload times
    either.index.json = True
    (either.path / "company").mkdir()
    build_wheel(either.path / "company", "private", "99.0")
    with Index(either.path / "company") as company:
        either.write({"requirements.txt": "private\n"})
        code = "import load; print(load.private.VERSION)"
        assert either.printed(code, PIP_EXTRA_INDEX_URL=company.url, LOAD_COOLDOWN="3") == "99.0"


def test_the_cooldown_holds_for_dated_releases_beside_undated_ones(world: World) -> None:
    from support.index import Index
    from support.wheels import build_wheel

    established(world, "tinymod")
    fresh = world.wheel("tinymod", "2.0", requires=["undated"])
    for file in [each for each in (world.path / "index").iterdir() if each != fresh]:
        file.unlink()
    for number in range(3):
        world.wheel("tinymod", f"1.{number}", requires=["undated"])
    times(world, OLD)
    world.index.upload_times[fresh.name] = _now()
    world.index.json = True
    (world.path / "more").mkdir()
    build_wheel(world.path / "more", "undated", "1.0")
    with Index(world.path / "more") as more:
        world.write({"requirements.txt": "tinymod\n"})
        code = "import load; print(load.tinymod.VERSION, load.undated.VERSION)"
        assert world.printed(code, PIP_EXTRA_INDEX_URL=more.url, LOAD_COOLDOWN="3") == "1.2 1.0"
