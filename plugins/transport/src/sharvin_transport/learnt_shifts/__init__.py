"""The regressor `learnt_shifts`: on-site shifts learnt from conductances."""
