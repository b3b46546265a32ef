//! Directories as people have them.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use gpu_runner::Code;
use gpu_runner::train::Examples;
use gpu_runner::train::data::{Directory, Options};
use serde_json::Value;
use tempfile::TempDir;

fn pictures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/train/pictures")
}

fn options(trigger: Option<&str>) -> Options {
    Options { resolution: 32, step: 8, trigger: trigger.map(str::to_string) }
}

fn open(dir: &Path, trigger: Option<&str>) -> Result<Directory, gpu_runner::DrawError> {
    Directory::open(dir, &options(trigger), &|_, _| {})
}

/// A directory with these files of the fixtures in it, by other names.
fn directory(files: &[(&str, &str)]) -> TempDir {
    let dir = TempDir::new().unwrap();
    for (name, from) in files {
        fs::copy(pictures().join(from), dir.path().join(name)).unwrap();
    }
    dir
}

/// Turned, over white, in every number of bits and channels; whatever their names say.
#[test]
fn pictures_of_every_form_are_read() {
    let known = fs::read(pictures().parent().unwrap().join("pictures.json")).unwrap();
    let known: BTreeMap<String, Value> = serde_json::from_slice(&known).unwrap();
    let files: Vec<_> = known.keys().map(|name| (name.replace('.', "-") + ".jpeg", name.clone())).collect();
    let dir = directory(&files.iter().map(|(to, from)| (to.as_str(), from.as_str())).collect::<Vec<_>>());
    let examples = open(dir.path(), Some("quarters")).unwrap();
    assert_eq!(examples.len(), known.len());
    // In the order of the names, as the known ones are but for what separates them.
    let mut names: Vec<_> = known.keys().collect();
    names.sort_by_key(|name| name.replace('.', "-"));
    for (index, name) in names.into_iter().enumerate() {
        let example = examples.get(index).unwrap();
        let expected = &known[name];
        let size = (example.width, example.height);
        assert_eq!(size, (expected["width"].as_u64().unwrap() as usize, expected["height"].as_u64().unwrap() as usize));
        assert_eq!((examples.size(index), example.caption.as_str()), (size, "quarters"), "{name}");
        assert_eq!(example.pixels.len(), 3 * size.0 * size.1);
        let (columns, rows) = ([size.0 / 6, size.0 * 2 / 3], [size.1 / 4, size.1 * 3 / 4]);
        for (y, row) in rows.iter().zip(expected["quarters"].as_array().unwrap()) {
            for (x, colour) in columns.iter().zip(row.as_array().unwrap()) {
                for (channel, value) in colour.as_array().unwrap().iter().enumerate() {
                    let seen = example.pixels[channel * size.0 * size.1 + y * size.0 + x];
                    let wanted = value.as_f64().unwrap() as f32 / 127.5 - 1.0;
                    // JPEGs and ink are not exact.
                    assert!((seen - wanted).abs() <= 4.0 / 127.5, "{name} at {x},{y}: {seen} for {wanted}");
                }
            }
        }
    }
}

#[test]
fn captions_stand_beside_their_pictures() {
    let dir = directory(&[("1.png", "plain.png"), ("2.png", "plain.png"), ("3.webp", "plain.webp")]);
    let put = |name: &str, text: &[u8]| fs::write(dir.path().join(name), text).unwrap();
    put("1.txt", b"\xef\xbb\xbfa red\r\nfox\r\n");
    put("2.txt", "一隻 Sks 狐".as_bytes());
    put("3.txt", b"");
    put("README.md", b"not looked at");
    let captions = |trigger| {
        let examples = open(dir.path(), trigger).unwrap();
        (0..3).map(|i| examples.get(i).unwrap().caption).collect::<Vec<_>>()
    };
    assert_eq!(captions(Some(" sks ")), ["sks, a red fox", "一隻 Sks 狐", "sks"]);
    put("3.txt", b"x");
    assert_eq!(captions(None), ["a red fox", "一隻 Sks 狐", "x"]);
    put("2.txt", b" \n");
    let error = open(dir.path(), None).err().unwrap();
    assert!(error.code == Code::DatasetInvalid && error.message.contains("\"2.png\": no caption"), "{error}");
    assert!(error.message.contains("1 of 3 files"), "{error}");
}

/// One error with all their names, before anything is learnt.
#[test]
fn what_is_wrong_is_named() {
    let dir = directory(&[("fine.png", "plain.png"), ("linked to.png", "plain.png")]);
    let at = |name: &str| dir.path().join(name);
    let whole = |name: &str| fs::read(pictures().join(name)).unwrap();
    let cut = |name: &str| {
        let bytes = whole(name);
        bytes[..bytes.len() * 2 / 3].to_vec()
    };
    let with = |width, height| {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, width, height);
        encoder.set_color(png::ColorType::Rgba);
        drop(encoder.write_header().unwrap());
        bytes
    };
    // Black, of one bit a pixel.
    let drawn = |width: u32, height: u32| {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, width, height);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_depth(png::BitDepth::One);
        let data = vec![0; (width.div_ceil(8) * height) as usize];
        encoder.write_header().unwrap().write_image_data(&data).unwrap();
        bytes
    };
    for (name, bytes) in [
        ("cut.png", cut("plain.png")),
        ("cut.jpg", cut("plain.jpg")),
        ("cut.webp", cut("plain.webp")),
        ("bomb.png", with(60_000, 60_000)),
        ("wide.png", drawn(9_000, 9_000)),
        ("nothing.png", Vec::new()),
        ("text.png", b"not a picture".to_vec()),
        ("moving.gif", b"GIF89a\x01\x00\x01\x00".to_vec()),
        ("one.png", drawn(1, 1)),
        ("latin.png", whole("plain.png")),
        ("latin.txt", b"caf\xe9".to_vec()),
        ("huge.png", whole("plain.png")),
        ("huge.txt", vec![b'a'; 1 << 20]),
        ("notes.json", b"{}".to_vec()),
        (".DS_Store", b"x".to_vec()),
    ] {
        fs::write(at(name), bytes).unwrap();
    }
    symlink(at("linked to.png"), at("link.png")).unwrap();
    symlink(at("nowhere.png"), at("broken link.png")).unwrap();
    symlink("/dev/zero", at("device.png")).unwrap();
    symlink(dir.path(), at("loop")).unwrap();
    fs::create_dir(at("more")).unwrap();

    let wrong = [
        ("bomb.png", "can't be read"),
        ("broken link.png", "No such file"),
        ("cut.jpg", "ends too early"),
        ("cut.png", "can't be read"),
        ("cut.webp", "can't be read"),
        ("device.png", "neither a file nor a directory"),
        ("huge.png", "no caption"),
        ("latin.png", "not UTF-8"),
        ("loop", "a directory"),
        ("more", "a directory"),
        ("moving.gif", "not a PNG, JPEG or WebP"),
        ("nothing.png", "not a PNG, JPEG or WebP"),
        ("one.png", "1x1 pixels are too few"),
        ("text.png", "not a PNG, JPEG or WebP"),
        ("wide.png", "at most"),
    ];
    let error = open(dir.path(), Some("sks")).err().unwrap();
    assert_eq!(error.code, Code::DatasetInvalid);
    // Those that are fine: one, what a link leads to, and the link.
    assert!(
        error.message.contains(&format!("{0} of {1} files can't be learned from", wrong.len(), wrong.len() + 3)),
        "{error}"
    );
    assert!(error.message.contains("and 5 more"), "{error}");
    for (name, why) in &wrong[..10] {
        let told = error.message.split("; ").find(|part| part.contains(&format!("{name:?}: ")));
        assert!(told.is_some_and(|told| told.contains(why)), "{name} {why}: {error}");
    }
    // The others are named when the first ones are gone.
    for (name, _) in &wrong[..10] {
        fs::remove_dir(at(name)).or_else(|_| fs::remove_file(at(name))).unwrap();
    }
    let error = open(dir.path(), Some("sks")).err().unwrap();
    for (name, why) in &wrong[10..] {
        let told = error.message.split("; ").find(|part| part.contains(&format!("{name:?}: ")));
        assert!(told.is_some_and(|told| told.contains(why)), "{name} {why}: {error}");
    }
    for (name, _) in &wrong[10..] {
        fs::remove_file(at(name)).unwrap();
    }
    assert_eq!(open(dir.path(), Some("sks")).unwrap().len(), 3);
}

#[test]
fn directories_without_pictures_are_refused() {
    let dir = TempDir::new().unwrap();
    let code = |path: &Path| open(path, Some("sks")).err().map(|e| e.code);
    assert_eq!(code(dir.path()), Some(Code::DatasetEmpty));
    fs::write(dir.path().join("1.txt"), b"a caption").unwrap();
    assert_eq!(code(dir.path()), Some(Code::DatasetEmpty));
    assert_eq!(code(&dir.path().join("1.txt")), Some(Code::DatasetNotFound));
    assert_eq!(code(&dir.path().join("none")), Some(Code::DatasetNotFound));
    fs::copy(pictures().join("plain.png"), dir.path().join("1.png")).unwrap();
    for (options, expected) in [
        (Options { trigger: Some("x".repeat(1 << 20)), ..options(None) }, Code::RequestInvalid),
        (Options { resolution: 4, ..options(None) }, Code::RequestInvalid),
        (Options { resolution: 64, step: 64, trigger: None }, Code::DatasetInvalid),
    ] {
        assert_eq!(Directory::open(dir.path(), &options, &|_, _| {}).err().map(|e| e.code), Some(expected));
    }
}

#[test]
fn a_directory_is_known_by_what_it_holds() {
    let dir = directory(&[("1.png", "plain.png"), ("2.png", "alpha.png")]);
    let print = |trigger| open(dir.path(), trigger).unwrap().fingerprint();
    let first = print(Some("a"));
    assert_eq!(print(Some("a")), first);
    assert_ne!(print(Some("b")), first);
    fs::write(dir.path().join("notes.md"), b"nothing").unwrap();
    assert_eq!(print(Some("a")), first);
    fs::write(dir.path().join("1.txt"), b"a b").unwrap();
    let captioned = print(Some("a"));
    assert_ne!(captioned, first);

    // Changed after it was looked at: said, instead of learnt.
    let examples = open(dir.path(), Some("a")).unwrap();
    fs::write(dir.path().join("1.txt"), b"a c").unwrap();
    let error = examples.get(0).err().unwrap();
    assert!(error.code == Code::InvalidImage && error.message.contains("1.png"), "{error}");
    assert!(examples.get(1).is_ok());
    fs::remove_file(dir.path().join("2.png")).unwrap();
    assert_eq!(examples.get(1).err().map(|e| e.code), Some(Code::InvalidImage));
    assert_eq!(examples.get(2).err().map(|e| e.code), Some(Code::Internal));
}

/// As many as of what is learnt, and known apart.
#[test]
fn what_is_kept_stands_beside_what_is_learnt() {
    let learned = directory(&[("1.png", "plain.png"), ("2.png", "turned.jpg")]);
    let prior = directory(&[("1.png", "grey.png"), ("2.png", "grey.png"), ("3.png", "grey.png")]);
    let alone = open(prior.path(), Some("a fox")).unwrap();
    let both = open(learned.path(), Some("sks")).unwrap().keeping(open(prior.path(), Some("a fox")).unwrap());
    let seen: Vec<_> = (0..both.len()).map(|i| (both.get(i).unwrap().caption, both.size(i), both.keeps(i))).collect();
    let expected = [(32, 32), (24, 32), (32, 32)].map(|size| ("sks".to_string(), size, false));
    assert_eq!(seen[..3], expected);
    assert_eq!(seen[3..], [(); 3].map(|()| ("a fox".to_string(), (32, 32), true)));
    assert!(both.fingerprint() != alone.fingerprint() && both.fingerprint().len() == 64);
}

/// Each is opened, decoded and hashed; of those before nothing stays but a name.
#[test]
fn fifty_thousand_pictures_are_looked_at_one_by_one() {
    const ALL: usize = 50_000;
    let dir = directory(&[("0.png", "plain.png")]);
    for i in 1..ALL {
        // Some file systems allow a file few names.
        let of = i / 1000 * 1000;
        let (from, to) = (dir.path().join(format!("{of}.png")), dir.path().join(format!("{i}.png")));
        if i == of { fs::copy(dir.path().join("0.png"), to).map(drop) } else { fs::hard_link(from, to) }.unwrap();
    }
    let told = AtomicUsize::new(0);
    let progress = |done: usize, of: usize| {
        assert!(done <= of && of == ALL);
        told.fetch_add(1, Ordering::Relaxed);
    };
    let examples = Directory::open(dir.path(), &options(Some("sks")), &progress).unwrap();
    assert_eq!((examples.len(), told.into_inner()), (ALL, ALL));
    assert_eq!(examples.sizes(), [((32, 32), ALL)]);
}
