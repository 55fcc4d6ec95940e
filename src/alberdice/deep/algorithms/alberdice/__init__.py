"""AlberDICE: Algorithm 1 on samples.

settings      what can be chosen
forms         what policies look at: an observation
windows       or a history
conditional   the network of pi^D(a_-i|s, a_i)
behaviour     the data's own policies: pi_i^D and pi^D(a_-i|s, a_i), cloned once
price         the others' divergence from them, while the policies change in turn
minibatch     what one round looks at
learner       a round of all agents
"""

from alberdice.deep.algorithms.alberdice.learner import AlberDICE
from alberdice.deep.algorithms.alberdice.settings import AlberDICEConfig

__all__ = ["AlberDICE", "AlberDICEConfig"]
