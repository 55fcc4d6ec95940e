"""The deep layer's command line; networks, learners and training join it later."""
