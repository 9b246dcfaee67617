"""The container, end to end: `python3 scripts/docker_tests [WORD…]`; with words, only the parts whose names have one.

Needs a Docker engine and the binary that THOTH_BINARY names, or, with THOTH_COMPILES, what it is compiled with inside of
Docker; scripts/test-docker.sh gets all of it.
"""

import os
import pathlib
import sys
import tempfile
import time
import traceback

# What the tests of other folders use too stands beside this one.
sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent))

import development
import document
import ends
import load
import local
import mounts
import production
import saves
import services
import source
from stage import IMAGE, Production
from test_tools import passed, run

# In this order: what a later part needs, an earlier one has done.
PARTS = [
    ("source", lambda prod, place: os.environ.update(THOTH_BINARY=str(source.one_command_from_nothing(place)))),
    ("production", lambda prod, place: (production.starts(prod), production.is_confined(prod))),
    ("production paper", lambda prod, place: production.reads_a_paper(prod)),
    ("production scenario-1", lambda prod, place: production.scenario_1_a_comment_is_appended(prod)),
    ("production scenario-3", lambda prod, place: production.scenario_3_a_broken_file_is_refused(prod)),
    ("production targets", lambda prod, place: production.targets_ask_the_running_server(prod)),
    ("production test-hot-reload", lambda prod, place: production.test_hot_reload_proves_it(prod)),
    ("services scenario-4", lambda prod, place: services.scenario_4_everything_in_one_save(prod, place)),
    ("saves", lambda prod, place: saves.every_save_arrives(prod)),
    ("saves config-map", lambda prod, place: saves.a_config_map_is_swapped(prod)),
    ("saves folder", lambda prod, place: saves.the_folder_is_replaced(prod)),
    ("load", lambda prod, place: load.changeovers_under_load(prod)),
    ("ends kill", lambda prod, place: ends.killed_in_the_middle(prod)),
    ("ends bad-file", lambda prod, place: ends.restarted_with_a_bad_file(prod)),
    ("ends in-hand", lambda prod, place: ends.stopped_with_pdfs_in_hand(prod)),
    ("production keys", lambda prod, place: production.keys_come_as_secrets(prod, place)),
    ("production off", lambda prod, place: production.hot_reload_off(prod)),
    ("production stop", lambda prod, place: production.stops(prod)),
    ("production docker-alone", lambda prod, place: production.docker_and_a_vault_are_enough(prod)),
    ("development scenario-2", lambda prod, place: development.scenario_2_three_containers(prod)),
    ("local", lambda prod, place: local.local_targets(place)),
    ("local scenario-5", lambda prod, place: local.scenario_5_hot_reload_off(place)),
    ("local dev", lambda prod, place: local.dev_builds_and_starts_anew(place)),
    ("mounts file", lambda prod, place: mounts.a_file_mounted_alone(place)),
    ("mounts without-events", lambda prod, place: mounts.without_events(place)),
    ("mounts read-only", lambda prod, place: mounts.a_vault_that_may_only_be_read(place)),
    ("mounts foreign", lambda prod, place: mounts.somebody_elses_vault(place)),
    ("mounts newer", lambda prod, place: mounts.a_state_of_a_newer_version(place)),
    ("mounts any-user", lambda prod, place: mounts.any_user(place)),
    ("document", lambda prod, place: document.its_commands_work()),
    ("mounts absent", lambda prod, place: mounts.a_vault_that_is_not_there()),
]
# Without these there is nothing to try the others on.
NEEDED = ("source", "production")


def is_wanted(name, words):
    if name == "source":
        return "THOTH_COMPILES" in os.environ
    return name in NEEDED or not words or any(word in name for word in words)


def main(words):
    failed, start = [], time.monotonic()
    with tempfile.TemporaryDirectory(prefix="thoth-test-") as folder:
        place = pathlib.Path(folder)
        place.chmod(0o755)
        prod = Production(place)
        try:
            for name, part in PARTS:
                if not is_wanted(name, words):
                    continue
                try:
                    part(prod, place)
                except Exception:
                    failed.append(name)
                    print(f"FAILED: {name}\n{traceback.format_exc()}", file=sys.stderr)
                    print(run("docker", "logs", "--tail", "30", prod.name, check=False), file=sys.stderr)
                    if name in NEEDED:
                        break
        finally:
            prod.remove()
            run("docker", "image", "rm", "--force", IMAGE, check=False)
    print(f"{len(passed.list)} passed, {len(failed)} failed, in {time.monotonic() - start:.0f} s")
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
