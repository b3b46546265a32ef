//! Gradient checkpointing (Chen et al. 2016): a piece of a network keeps what goes into it and nothing of what is made
//! on the way through; that is made a second time when the gradients come back.

use candle_core::{Result, Tensor, Var};

use super::node::{Made, derived};

/// What `piece` makes of `inputs`. It makes the same each time it is called, has no state, and may contain variables.
pub fn recomputed(
    inputs: &[&Tensor],
    piece: impl Fn(&[Tensor]) -> Result<Tensor> + Send + Sync + 'static,
) -> Result<Tensor> {
    let given: Vec<Tensor> = inputs.iter().map(|input| input.detach()).collect();
    let out = piece(&given)?;
    let variables: Vec<Tensor> = out.sorted_nodes().into_iter().filter(|node| node.is_variable()).cloned().collect();
    let asked: Vec<bool> = inputs.iter().map(|input| input.track_op()).collect();
    let all: Vec<&Tensor> = inputs.iter().copied().chain(&variables).collect();
    // Of the piece's own graph nothing is left from here on.
    let made = Made::Tensor(out.detach());
    drop(out);
    let kept = variables.clone();
    derived(made, &all, move |gradient| {
        let again = |(input, asked): (&Tensor, &bool)| {
            if *asked { Var::from_tensor(input).map(Var::into_inner) } else { Ok(input.clone()) }
        };
        let inputs: Vec<Tensor> = given.iter().zip(&asked).map(again).collect::<Result<_>>()?;
        // The gradient of this sum with respect to what the piece makes is the one that came.
        let mut store = (piece(&inputs)? * gradient)?.sum_all()?.backward()?;
        let mut of = |tensor: &Tensor| match store.remove(tensor) {
            None if tensor.is_variable() => tensor.zeros_like().map(Some),
            found => Ok(found),
        };
        inputs.iter().chain(&kept).map(&mut of).collect()
    })
}
