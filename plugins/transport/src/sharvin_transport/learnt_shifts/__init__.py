"""The regressor `learnt_shifts`: on-site shifts and hoppings learnt from conductances."""
