//! Takes a request's body into memory, never more of it than the route allows.

use js_sys::{Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use crate::http::Body;

/// How much is asked for at once: fewer crossings than the stream's own 4 KiB pieces.
const PIECE: u32 = 256 * 1024;

/// Up to here the platform's own reading of the whole costs less than pieces.
const SMALL: usize = 64 * 1024;

#[wasm_bindgen]
extern "C" {
    /// A reader that fills a buffer of ours; `readAtLeast` is the Workers runtime's addition.
    type Reader;

    #[wasm_bindgen(method, catch, js_name = readAtLeast)]
    fn read_at_least(this: &Reader, bytes: u32, into: Uint8Array) -> Result<Promise, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn cancel(this: &Reader) -> Result<Promise, JsValue>;
}

/// Reads at most `limit` bytes. An error is a body that could not be read to its end: a client that left.
pub(super) async fn read(request: &web_sys::Request, limit: usize) -> Result<Body, JsValue> {
    let Some(stream) = request.body() else {
        return Ok(Body::Read(Vec::new()));
    };
    let declared = request.headers().get("content-length")?.and_then(|text| text.parse::<usize>().ok());
    match declared {
        Some(length) if length > limit => return Ok(Body::TooLarge),
        Some(length) if length <= SMALL => {
            let whole = JsFuture::from(request.array_buffer()?).await?;
            return Ok(Body::Read(Uint8Array::new(&whole).to_vec()));
        }
        _ => {}
    }
    let options = Object::new();
    Reflect::set(&options, &"mode".into(), &"byob".into())?;
    let get_reader: js_sys::Function = Reflect::get(&stream, &"getReader".into())?.dyn_into()?;
    let reader: Reader = get_reader.call1(&stream, &options)?.unchecked_into();
    // Memory of an isolate never shrinks, so a declared length is reserved once instead of doubling past it.
    let mut bytes = Vec::with_capacity(declared.unwrap_or(0));
    let mut piece = Uint8Array::new_with_length(PIECE);
    loop {
        let read = JsFuture::from(reader.read_at_least(PIECE, piece)?).await?;
        let value = Reflect::get(&read, &"value".into())?;
        let Ok(part) = value.dyn_into::<Uint8Array>() else {
            return Ok(Body::Read(bytes));
        };
        let start = bytes.len();
        bytes.resize(start.saturating_add(part.length() as usize), 0);
        if bytes.len() > limit {
            drop(reader.cancel()?);
            return Ok(Body::TooLarge);
        }
        if let Some(slot) = bytes.get_mut(start..) {
            part.copy_to(slot);
        }
        if Reflect::get(&read, &"done".into())?.is_truthy() {
            return Ok(Body::Read(bytes));
        }
        // The buffer came back in the answer; it is filled again.
        piece = Uint8Array::new_with_byte_offset_and_length(&part.buffer(), 0, PIECE);
    }
}
