"""How far the policy pack agrees with other tools' own test cases."""
