"""Where reports go: stderr, stdout, files; and never into a file of the program's own."""

import json
import os
import re
import resource
import shutil
import socket
import time

import harness
from harness import Skip, check, equal

REPORT = b"ERROR: weir: detected memory leaks"


def loses(weir):
    return weir.build("scenarios/programs/loses.c", ["-O0"])


def read(path):
    with open(path, "rb") as file:
        return file.read()


def test_text_layout(weir):
    result = weir.run([loses(weir), "2x41"])
    text = result.stderr.decode()
    for pattern in (rf"^==\d*{result.pid}==ERROR: weir: detected memory leaks$",
                    r"^Direct leak of 82 byte\(s\) in 2 object\(s\) allocated from:$",
                    r"^ +#\d 0x[0-9a-f]+ in lose_odd \S*scenarios/programs/loses\.c:\d+",
                    r"^ +#\d 0x[0-9a-f]+ in main \S*scenarios/programs/loses\.c:\d+",
                    r"^SUMMARY: weir: 82 byte\(s\) leaked in 2 allocation\(s\)"):
        check(re.search(pattern, text, re.M), f"no line matches {pattern}\n{text}")


def test_frames_are_numbered_from_zero(weir):
    text = weir.run([loses(weir), "1x41"]).stderr.decode()
    numbers = [int(number) for number in re.findall(r"^ +#(\d+) ", text, re.M)]
    equal(numbers, list(range(len(numbers))), "frame numbers")
    check(len(numbers) >= 3, f"only {len(numbers)} frames, though libc starts main\n{text}")


def test_summary_counts_kinds(weir):
    text = weir.run([loses(weir), "2x41"]).stderr.decode()
    summary = next(line for line in text.splitlines() if "totals:" in line)
    for word in ("direct 82 byte(s) in 2", "indirect 0", "reachable", "peak", "allocation(s)"):
        check(word in summary, f"the totals do not tell {word}: {summary}")


def test_stdout(weir):
    result = weir.run([loses(weir), "1x41"], "log_path=stdout")
    check(REPORT in result.stdout and b"started\n" in result.stdout, f"not there\n{result.describe()}")
    equal(result.stderr, b"", "stderr")


def test_file(weir):
    folder = weir.fresh_directory()
    result = weir.run([loses(weir), "1x41"], f"log_path={folder}/report.%e.%p.txt")
    equal(result.stderr, b"", "stderr")
    equal(os.listdir(folder), [f"report.loses.{result.pid}.txt"], "files")
    check(REPORT in read(f"{folder}/report.loses.{result.pid}.txt"), "the file holds no report")


def test_name_of_a_process_with_a_title(weir):
    program = weir.build("scenarios/programs/sets_title.c", ["-O0"])
    folder = weir.fresh_directory()
    result = weir.run([program], f"log_path={folder}/%e:json_path={folder}/%e.json")
    equal(sorted(os.listdir(folder)), ["sets_title", "sets_title.json"], f"files\n{result.describe()}\n")


def test_names_with_control_characters(weir):
    folder = weir.fresh_directory()
    program = os.path.join(folder, "a\x1b[31m\nname")
    shutil.copy(weir.build("scenarios/programs/loses.c", ["-O0", "-s"], "loses_stripped"), program)
    result = weir.run([program, "1x41"])
    check(b"\x1b" not in result.stderr and b"\\x1b[31m\\nname" in result.stderr, f"{result.stderr!r}")


def test_long_names_are_cut(weir):
    name = "a_name_that_doubles_" * 500
    source = weir.write("long.c", f"#include <stdlib.h>\nvoid *volatile p;\n__attribute__((noinline)) void {name}(void)"
                                  "{ p = malloc(9); p = 0; }\nint main(void) { " + name + "(); return 0; }\n")
    result = weir.run([weir.build(source, ["-O0"])])
    check(max(map(len, result.stderr.splitlines())) < 700, "a line of the text is that long")
    check(b"a_name_that_doubles_" in result.stderr, f"no name\n{result.describe()}")
    equal(result.reports[0].leaks[0].names()[0], name, "the name in the JSON")


def test_zstd_is_read_or_said(weir):
    program = weir.path("zstd")
    packed = harness.run_plain(["objcopy", "--compress-debug-sections=zstd", loses(weir), program])
    if packed.returncode != 0:
        raise Skip("this objcopy does not compress with zstd")
    text = weir.run([program, "1x41", "1x100"]).stderr.decode()
    check("lose_odd" in text, f"no name\n{text}")
    read = "loses.c:" in text
    equal(text.count("zstd, which elfutils"), 0 if read else 1, f"lines about zstd\n{text}\n")


def test_server_that_never_answers(weir):
    # Three modules without debug information, of which each would be asked for.
    server = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{server.getsockname()[1]}/"
    plugins = [weir.build("scenarios/programs/loses_in_library.c", ["-g0", "-O0", "-shared", "-fPIC", f"-DNAME=lose_{i}"],
                          f"library{i}.so") for i in range(3)]
    program = weir.build("scenarios/programs/loads_libraries.c", ["-g0", "-O0"])
    began = time.monotonic()
    result = weir.run([program, *plugins], env={"DEBUGINFOD_URLS": url, "DEBUGINFOD_TIMEOUT": "1"})
    took = time.monotonic() - began
    server.close()
    equal(result.status, 23, "status")
    check(b"lose_2" in result.stderr, f"no names\n{result.describe()}")
    check(took < 7, f"the report took {took:.1f} s, with a second for all servers")


def test_file_without_leaks(weir):
    folder = weir.fresh_directory()
    result = weir.run([loses(weir), "0x1"], f"log_path={folder}/report")
    equal(result.stderr, b"", "stderr")
    check(not os.path.exists(folder + "/report") or REPORT not in read(folder + "/report"), "a report of nothing")


def test_file_that_cannot_be_made(weir):
    result = weir.run([loses(weir), "1x41"], "log_path=/nonexistent/folder/report")
    equal(result.status, 23, "status")
    check(b"/nonexistent/folder/report" in result.stderr, f"nothing says so\n{result.describe()}")


def test_json(weir):
    folder = weir.fresh_directory()
    path = folder + "/of loses.json"
    weir.run([loses(weir), "2x41"], f"json_path='{folder}/of %e.json'")
    document = json.loads(read(path))
    equal(sum(leak["bytes"] for leak in document["leaks"]), 82, "bytes in the JSON")
    frame = next(frame for frame in document["leaks"][0]["frames"] if frame.get("function") == "lose_odd")
    check(frame["file"].endswith("scenarios/programs/loses.c") and frame["line"] > 0, f"frame {frame}")
    check(frame["module"].endswith("/loses"), f"frame {frame}")


def test_closed_stderr(weir):
    program = weir.build("scenarios/programs/closes_stderr.c", ["-O0"])
    folder = weir.fresh_directory()
    result = weir.run([program], f"json_path={folder}/report.json")
    equal(result.status, 23, "status")
    check(os.path.exists(folder + "/report.json"), "no report in the file")


def test_stderr_became_a_data_file(weir):
    program = weir.build("scenarios/programs/closes_stderr.c", ["-O0"])
    data = weir.path("data")
    result = weir.run([program, data])
    equal(result.status, 23, "status")
    equal(read(data), b"data\n", "the program's data file")


def test_started_without_descriptors(weir):
    def close_all():
        os.closerange(0, 3)
    result = weir.run([loses(weir), "1x41"], prepare=close_all)
    equal(result.status, 23, "status")


def test_full_disk(weir):
    result = weir.run([loses(weir), "1x41"], "log_path=/dev/full")
    equal(result.status, 23, "status")
    check(b"cannot write the report to /dev/full: No space left on device" in result.stderr, result.describe())
    equal(result.stderr.count(REPORT), 1, "reports on stderr instead")


def test_pipe_that_nobody_reads(weir):
    pipe = weir.path("pipe")
    os.mkfifo(pipe)
    for options in (f"log_path={pipe}", f"json_path={pipe}"):
        result = weir.run([loses(weir), "1x41"], options)
        equal(result.status, 23, "status")
        check(f"{pipe}: No such device or address".encode() in result.stderr, result.describe())
    result = weir.run([loses(weir), "1x41"], f"mode=pass:stats=1:stats_path={pipe}")
    check(b"cannot open" in result.stderr and pipe.encode() in result.stderr, result.describe())


def test_small_address_space(weir):
    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (200000 << 10, 200000 << 10))
    result = weir.run([loses(weir), "1x41"], prepare=limit)
    equal(result.status, 23, "status")
    check(b"41 byte(s) leaked in 1 allocation(s)" in result.stderr, result.describe())


def test_missing_tool(weir):
    result = weir.run([loses(weir), "1x41"], "tool=/nonexistent/weir:symbolize=1")
    equal(result.status, 23, "status")
    text = result.stderr.decode()
    check(REPORT.decode() in text and re.search(r"loses\+0x[0-9a-f]+", text), f"no report without the tool\n{text}")
    check("41 byte(s) leaked in 1 allocation(s)" in text, f"no summary without the tool\n{text}")


def test_ends(weir):
    program = weir.build("scenarios/programs/ends.c", ["-O0"])
    for way in ("exit", "_exit", "Exit", "quick_exit", "return"):
        native = weir.run([program, way], preload=False)
        result = weir.run([program, way])
        equal((result.status, result.stdout, result.stderr), (native.status, native.stdout, native.stderr), way)


harness.main(globals())
