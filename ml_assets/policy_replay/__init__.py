"""What a retraining policy would have cost and gained on the history that the lake holds."""
