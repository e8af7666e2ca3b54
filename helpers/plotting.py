"""Figures that the lessons share. Each returns the figure's axes, so that a lesson can add to it."""
