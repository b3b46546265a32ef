//! The estimate of a training's memory against an allocator that counts: what it lets through fits, and what it refuses
//! would have taken half of it at least.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use candle_core::Device;
use gpu_runner::backend::Control;
use gpu_runner::train::export::{About, Base};
use gpu_runner::train::samples::{Sampler, Samples};
use gpu_runner::train::{Chain, Example, Examples, Kind, Learns, Plan, memory, train};
use gpu_runner::{DrawError, pipeline, starter};

/// Counts bytes that are allocated, and the most there were at once.
struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static COUNTING: Counting = Counting;

// SAFETY: everything is passed on to `System`; the counters do not allocate.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let live = LIVE.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(live, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// So many grey images of a side.
struct Grey(usize, usize);

impl Examples for Grey {
    fn len(&self) -> usize {
        self.0
    }

    fn size(&self, _: usize) -> (usize, usize) {
        (self.1, self.1)
    }

    fn get(&self, _: usize) -> Result<Example, DrawError> {
        let pixels = vec![0.0; 3 * self.1 * self.1];
        Ok(Example { pixels, width: self.1, height: self.1, caption: "a sks circle".into() })
    }

    fn fingerprint(&self) -> String {
        format!("grey {} {}", self.0, self.1)
    }
}

/// One test, as all of a process are counted together.
#[test]
fn a_training_fits_in_what_was_estimated() {
    let dir = tempfile::tempdir().unwrap();
    let path = starter::unpack(dir.path()).unwrap();
    let both = Learns { unet: true, text: true };
    let lora = |rank: usize| Kind::Lora { rank, alpha: rank as f64, convolutions: false, learns: both };
    let words = Kind::Words { word: "sks".into(), vectors: 1, from: "a circle".into() };
    let whole = Kind::Checkpoint(Learns { unet: true, text: false });
    let cases = [
        (lora(16), 4, 64),
        (lora(256), 1, 128),
        (whole.clone(), 1, 64),
        (whole, 4, 128),
        (words, 2, 64),
        (Kind::Hypernetwork(Chain::default()), 8, 64),
        (Kind::Hypernetwork(Chain::default()), 1, 256),
    ];
    for (kind, batch, side) in cases {
        let parts = pipeline::open(&path, None).unwrap();
        let plan = Plan { batch, ..Plan::new(kind, 2) };
        let estimate = memory::bytes(&*parts, &plan, (batch, side), &Device::Cpu).unwrap();
        let before = LIVE.load(Ordering::Relaxed);
        PEAK.store(before, Ordering::Relaxed);
        let base = Base::of(&path, &*parts).unwrap();
        let about =
            About { base: &base, title: "x".into(), resolution: side, trigger: None, facts: Default::default() };
        let size = side.min(64) as u32;
        let samples =
            Samples { prompts: vec!["a circle".into()], width: size, height: size, steps: 2, guidance: 7.5, seed: 1 };
        let model = (path.as_path(), &*parts);
        let mut sampler = Sampler::new(&samples, &plan, model, &about, dir.path(), &Device::Cpu).unwrap();
        train(&plan, &*parts, &Grey(batch, side), None, &Device::Cpu, &mut |progress, learned| {
            sampler.draw(progress.step, learned.tensors()?)?;
            Ok(Control::Continue)
        })
        .unwrap();
        let taken = (PEAK.load(Ordering::Relaxed) - before) as u64;
        let what = format!("{:?}, batch {batch}, {side}: {} of {} MiB", plan.kind, taken >> 20, estimate >> 20);
        println!("{what}");
        assert!(taken <= estimate && estimate <= taken * 2, "{what}");
    }
}
