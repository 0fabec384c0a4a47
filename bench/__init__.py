"""What `make bench` runs: our figures beside their limit, in the same run, as ratios. No test depends on them."""
