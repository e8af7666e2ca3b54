"""Programs that people run; nothing here is imported by a lesson or a helper."""
