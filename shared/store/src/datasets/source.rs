//! What may become an image of a dataset, as requests name it: the address of one of our files or images, an address
//! outside, or an object of an address and its caption. Must not know whether it exists.

use domain::training::{MAX_ADDRESS_BYTES, MAX_CAPTION, MAX_IMAGES};
use domain::{Error, Id, file_url, id, phrases, url_policy};
use serde_json::{Value, json};

/// The source of one image, or of several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageSource {
    /// `/files/{key}` of one of our files, or an address outside as it is to be called.
    Url(String),
    /// One of our images, by its id.
    Image(Id),
    /// All images of a choice that the caller sees.
    Choice(Id),
}

/// An image to be added to a dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewImage {
    /// Where it comes from.
    pub source: ImageSource,
    /// None keeps the caption of an image that is there already; a new one gets none.
    pub caption: Option<String>,
    /// The field of the request that names it, for errors: `images[3]`.
    pub field: String,
}

/// Reads addresses as a deployment does.
pub struct SourceReader<'a> {
    /// Scheme and host of our own files and images, as `web::RequestCtx` knows them.
    pub origins: [&'a str; 2],
    /// `Config::fetch_allow`
    pub fetch_allow: &'a [String],
}

impl SourceReader<'_> {
    /// Reads the entries of a list of images in `field`, in their order.
    ///
    /// # Errors
    ///
    /// `invalid_parameter` on `field` for too many, on `field[i]` for one that is no image's address.
    pub fn images(&self, field: &str, entries: &[Value]) -> Result<Vec<NewImage>, Error> {
        let too_many = || Error::invalid(field.to_string(), phrases::DATASET_IMAGES.with([MAX_IMAGES]));
        if entries.len() > MAX_IMAGES {
            return Err(too_many());
        }
        let read = |(i, entry)| self.image(format!("{field}[{i}]"), entry);
        let images = entries.iter().enumerate().map(read).collect::<Result<Vec<_>, _>>()?;
        let bytes: usize = images.iter().map(NewImage::bytes).sum();
        if bytes > MAX_ADDRESS_BYTES { Err(too_many()) } else { Ok(images) }
    }

    fn image(&self, field: String, entry: &Value) -> Result<NewImage, Error> {
        let invalid = || Error::invalid(field.clone(), &phrases::DATASET_IMAGE);
        let (url, caption) = match entry {
            Value::String(url) => (url, None),
            Value::Object(object) => {
                let Some(Value::String(url)) = object.get("url") else { return Err(invalid()) };
                let caption = match object.get("caption") {
                    None | Some(Value::Null) => None,
                    Some(caption) => Some(read_caption(caption).ok_or_else(invalid)?),
                };
                (url, caption)
            }
            _ => return Err(invalid()),
        };
        let source = self.source(url.trim()).ok_or_else(invalid)?;
        Ok(NewImage { source, caption, field })
    }

    /// The source with this address; None where it is neither ours nor one that may be called.
    pub fn source(&self, url: &str) -> Option<ImageSource> {
        if let Some(key) = file_url::key(url, &self.origins) {
            return Some(ImageSource::Url([file_url::PREFIX, key].concat()));
        }
        let under = |origin: &&str| if origin.is_empty() { None } else { url.strip_prefix(origin) };
        let path = if url.starts_with('/') { Some(url) } else { self.origins.iter().find_map(under) };
        match path.and_then(|path| path.strip_prefix("/api/images/")).and_then(id::parse) {
            Some(id) => Some(ImageSource::Image(id)),
            None => Some(ImageSource::Url(url_policy::check(url, self.fetch_allow).ok()?.into())),
        }
    }
}

/// The sources with these ids, each named `field[i]`.
pub(crate) fn ids(field: &str, ids: &[Id], source: fn(Id) -> ImageSource) -> Vec<NewImage> {
    let new = |(i, id): (usize, &Id)| NewImage { source: source(*id), caption: None, field: format!("{field}[{i}]") };
    ids.iter().enumerate().map(new).collect()
}

impl NewImage {
    /// The images with these ids, each named `field[i]`.
    pub fn of_images(field: &str, image_ids: &[Id]) -> Vec<NewImage> {
        ids(field, image_ids, ImageSource::Image)
    }

    /// The images of the choices with these ids, each choice named `field[i]`.
    pub fn of_choices(field: &str, choice_ids: &[Id]) -> Vec<NewImage> {
        ids(field, choice_ids, ImageSource::Choice)
    }

    /// Bytes of its address and caption: all are one parameter of a statement, which D1 limits.
    fn bytes(&self) -> usize {
        let url = if let ImageSource::Url(url) = &self.source { url.len() } else { 0 };
        url + self.caption.as_ref().map_or(0, String::len)
    }

    /// `[kind, source, caption, field]` for the statements of `images`.
    pub(crate) fn json(&self) -> Value {
        let (kind, source) = match &self.source {
            ImageSource::Url(url) => ("url", json!(url)),
            ImageSource::Image(id) => ("image", json!(id)),
            ImageSource::Choice(id) => ("choice", json!(id)),
        };
        json!([kind, source, self.caption, self.field])
    }
}

/// A caption: text of at most `MAX_CAPTION` characters, trimmed, without control characters but line breaks and tabs.
fn read_caption(value: &Value) -> Option<String> {
    let text = value.as_str()?.trim();
    let clean = !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t' | '\r'));
    (text.chars().count() <= MAX_CAPTION && clean).then(|| text.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(url: &str) -> Option<ImageSource> {
        SourceReader { origins: ["", "https://easel.example.com"], fetch_allow: &[] }.source(url)
    }

    #[test]
    fn our_own_files_and_images_are_recognised_with_and_without_our_origin() {
        let file = format!("/files/up/{}.png", "0f".repeat(16));
        for origin in ["", "https://easel.example.com"] {
            assert_eq!(source(&format!("{origin}{file}")), Some(ImageSource::Url(file.clone())));
            assert_eq!(source(&format!("{origin}/api/images/7")), Some(ImageSource::Image(7)));
        }
        for outside in ["https://other.example.com/api/images/7", "https://easel.example.com/api/images/x"] {
            assert_eq!(source(outside), Some(ImageSource::Url(outside.into())));
        }
        assert_eq!(
            source("HTTPS://Oss.Example.COM:443/a.png"),
            Some(ImageSource::Url("https://oss.example.com/a.png".into()))
        );
        for bad in [
            "",
            "/api/images/0",
            "/files/x",
            "//a.example.com/x",
            "ftp://a.example.com/x",
            "file:///etc/passwd",
            "http://127.0.0.1/x",
            "http://169.254.169.254/latest",
            "http://localhost/x",
            "data:image/png;base64,AAAA",
        ] {
            assert_eq!(source(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_entry_is_an_address_or_an_object_with_one() {
        let reader = SourceReader { origins: [""; 2], fetch_allow: &[] };
        let read = |entry: Value| reader.images("images", &[json!("https://a.example.com/1"), entry]);
        let second =
            |entry: Value| read(entry).map(|mut images| images.remove(1)).map_err(|e| e.field.unwrap().to_string());
        let image = |caption: Option<&str>| NewImage {
            source: ImageSource::Url("https://a.example.com/2".into()),
            caption: caption.map(Into::into),
            field: "images[1]".into(),
        };
        assert_eq!(second(json!("https://a.example.com/2")), Ok(image(None)));
        assert_eq!(second(json!({"url": "https://a.example.com/2", "caption": " a fox "})), Ok(image(Some("a fox"))));
        for bad in [
            json!(7),
            json!(null),
            json!({}),
            json!({"url": 7}),
            json!({"url": "https://a.example.com/2", "caption": 7}),
            json!({"url": "https://a.example.com/2", "caption": "x".repeat(MAX_CAPTION + 1)}),
            json!([]),
        ] {
            assert_eq!(second(bad.clone()), Err("images[1]".into()), "{bad}");
        }
        let many = vec![json!("https://a.example.com/2"); MAX_IMAGES + 1];
        assert_eq!(reader.images("images", &many).unwrap_err().field.as_deref(), Some("images"));
    }
}
