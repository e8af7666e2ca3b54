"""What the lessons share: device selection, plotting, training loops and exercise checks.

Import the module you need (`from helpers.device import get_device`). Nothing is imported here, so
that `helpers.doctor` can still run, and say what is wrong, where torch itself does not load.
"""
