"""What the loop that watches a run and the metric that reads it must agree on."""

PUBLISHED_LATENTS = 128  # of the UNO paper's code: fixed, decoded in train mode before every step
