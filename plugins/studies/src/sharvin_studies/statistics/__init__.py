"""Histograms, resampling, errors and calibration of predictions."""
