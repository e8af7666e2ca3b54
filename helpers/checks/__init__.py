"""How exercises are checked: one module a lesson, one check an exercise.

A lesson writes `from helpers.checks import tensors as check` and then `check.NAME(NAME)` under
each stub. A check calls the learner's function on fresh random inputs (`attempt`) and compares what
comes back with a reference (`compare`). It never reads the learner's source text.
"""
