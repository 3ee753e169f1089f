// What `weir --help` and the help of its subcommands say besides their options. 80 columns.
#pragma once

namespace weir {

inline constexpr const char* kAbout =
    "weir finds memory leaks, and misuse of the heap, in programs that were not\n"
    "built for it. It preloads libweir.so, which follows every allocation with its\n"
    "whole stack, and reports at exit what leaked and where it was allocated.\n"
    "A program with leaks then ends with status 23, else with its own.\n"
    "With --guard it stops a program that misuses the heap, and says how.";

inline constexpr const char* kExamples =
    "Examples:\n"
    "  weir run -- ./app --its-own arguments\n"
    "  weir run --log 'leaks.%e.%p' --json leaks.json -- ./app\n"
    "  weir run --suppressions known.supp --option malloc_context_size=200 -- ./app\n"
    "  weir run --guard -- ./app          overruns, uses after free, wrong frees\n"
    "  weir hunt -- ./app                 the same, under one layout after the other\n"
    "  weir run --route 'size<=256 -> pool' -- ./app\n"
    "  weir check 4711          a leak check of a running program, which goes on\n"
    "  weir options             every option, also for WEIR_OPTIONS";

inline constexpr const char* kRunFooter =
    "Options also come from WEIR_OPTIONS=key=value:key=value; the command line wins.\n"
    "Without weir run: LD_PRELOAD=libweir.so ./app";

inline constexpr const char* kRoutesFooter =
    "Without RULES and --file, what WEIR_ROUTES has is checked.\n"
    "The status is 2 when a rule is wrong.\n"
    "Example: weir routes 'size<=256 -> pool; thread=worker* -> arena' --size 100";

inline constexpr const char* kHuntFooter =
    "No layout sees everything: canary checks what was written when a block is freed\n"
    "and when the program ends; page and page-front stop at the access that leaves a\n"
    "block at its end or its start; freed holds back as much freed memory as it can.\n"
    "A bug that several layouts see is reported once. The status is 0 when nothing\n"
    "was found, 1 when something was (--exitcode), 3 when nothing was but a run did\n"
    "not come to its end.\n"
    "Example: weir hunt --timeout 60 -- ./app --its-own arguments";

inline constexpr const char* kOomFooter =
    "The program runs once natively, once to find the stacks that allocate, and then\n"
    "once for each, where one request of that stack finds no memory. Standard input\n"
    "is the same each time, outputs are dropped. Status 1: some run ended in a crash,\n"
    "a hang, a leak, a misuse of the heap, or well but with another output.";

}  // namespace weir
