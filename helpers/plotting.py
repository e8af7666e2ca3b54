"""Figures that the lessons share. Each returns its axes, so that a lesson can add to them."""
