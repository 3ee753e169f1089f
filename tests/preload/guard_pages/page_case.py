"""The cases of guard=page: those of guard/, with programs of this folder."""

import os

import guard_case
import harness

guard_case.PROGRAMS = os.path.join(harness.HERE, "guard_pages", "programs")
