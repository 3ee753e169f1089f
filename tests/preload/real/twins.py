"""Real programs, twice: natively and in leak mode. Output, standard error and exit status must be the same."""

import concurrent.futures
import glob
import os

from harness import check, equal

OPTIONS = "exitcode=0:summary=always"


def unchanged(text):
    return text


def twins(weir, argv, *, files=None, normalise=unchanged, env=None, timeout=120, stdin=None, together=False,
          compare=("status", "stdout", "stderr")):
    """Runs argv in two directories alike, natively and preloaded; returns the preloaded result.

    files: names and texts that the directory holds. together: at the same time, for what mostly waits.
    """
    def prepare():
        directory = weir.fresh_directory()
        place = os.path.join(directory, "place")
        os.mkdir(place)
        for name, text in (files or {}).items():
            os.makedirs(os.path.dirname(os.path.join(place, name)), exist_ok=True)
            with open(os.path.join(place, name), "w", encoding="utf-8") as file:
                file.write(text)
        return place

    def run(place, preload):
        logs = os.path.join(os.path.dirname(place), "log.%e.%p")
        return weir.run(argv, f"{OPTIONS}:log_path={logs}", preload=preload, cwd=place, env=env, timeout=timeout,
                        stdin=stdin)

    places = [prepare(), prepare()]
    with concurrent.futures.ThreadPoolExecutor(2 if together else 1) as pool:
        running = [pool.submit(run, place, preload) for place, preload in zip(places, (False, True))]
        native, preloaded = (each.result() for each in running)

    def seen(result, place):
        out = {"status": result.status}
        for stream in ("stdout", "stderr"):
            text = getattr(result, stream).decode(errors="replace")
            out[stream] = normalise(text.replace(os.path.dirname(place), "DIRECTORY"))
        return out

    seen_natively, seen_preloaded = seen(native, places[0]), seen(preloaded, places[1])
    for what in compare:
        equal(seen_preloaded[what], seen_natively[what], f"{argv[0]}: {what}, natively the latter")
    preloaded.logs = read_logs(os.path.dirname(places[1]))
    preloaded.native_place, preloaded.place = places
    check_was_in(preloaded.logs)
    return preloaded


def read_logs(directory):
    logs = []
    for path in sorted(glob.glob(os.path.join(directory, "log.*"))):
        with open(path, encoding="utf-8", errors="replace") as file:
            logs.append(file.read())
    return logs


def check_was_in(logs):
    """Without a report the library was not there, and the comparison would show nothing."""
    check(any("SUMMARY: weir:" in log or "weir: no leaks:" in log for log in logs), f"no process wrote a report; logs: {logs}")
