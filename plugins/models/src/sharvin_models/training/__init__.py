"""What every trained network shares: options, training, progress, the file of a model, checks of samples."""
