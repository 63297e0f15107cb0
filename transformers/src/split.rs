//! `split`: one message with a list becomes many. The elements are slices of the payload: nothing is copied but the
//! attributes.

use async_trait::async_trait;
use bytes::Bytes;
use hybridge_config::transform::split::SplitConfig;
use hybridge_core::{Applied, Error, Message, Text, Transformer, Value};
use hybridge_schemas::json;
use hybridge_schemas::template::{Field, Found};

use crate::content_type;

/// The step.
pub(crate) struct Step {
    list: Field,
    most: usize,
}

impl Step {
    pub(crate) fn new(config: &SplitConfig) -> Self {
        Self { list: Field::compile(&config.list), most: config.most as usize }
    }

    fn children(&self, message: &Message) -> Result<Vec<Message>, Error> {
        let refused = |what: &str| Error::rejected(format!("{}: {what}", self.list.reference()));
        let (list, payload) = match self.list.find(message) {
            Some(Found::Json(list, payload)) => (list, payload.clone()),
            Some(Found::Bytes(payload)) if json::is_valid(&payload) => (&[][..], payload),
            Some(_) => return Err(refused("the data is not JSON")),
            None => return Err(self.list.missing()),
        };
        let list = if list.is_empty() { payload.trim_ascii() } else { list };
        if list.first() != Some(&b'[') {
            return Err(refused("is no list"));
        }
        let mut children = Vec::new();
        for element in json::elements(list) {
            let element = element.map_err(|fault| refused(&fault.to_string()))?;
            if children.len() == self.most {
                return Err(refused(&format!("more than {} elements", self.most)));
            }
            children.push(child(message, children.len(), payload.slice_ref(element)));
        }
        Ok(children)
    }
}

fn child(message: &Message, place: usize, data: Bytes) -> Message {
    let mut child = Message { payload: Some(data), ..message.clone() };
    if let Some(id) = message.attributes.text("id") {
        let id = Text::from(format!("{id}#{place}"));
        child.attributes.set(Text::from_static("id"), Value::String(id));
    }
    content_type::set_json(&mut child);
    child
}

#[async_trait(?Send)]
impl Transformer for Step {
    fn name(&self) -> &'static str {
        "split"
    }

    async fn apply(&self, batch: Vec<Message>) -> Vec<Applied> {
        let children = batch.iter().map(|message| self.children(message));
        children.map(|result| result.map_or_else(Applied::Failed, Applied::Many)).collect()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::testing::step;

    fn applied(config: &str, message: Message) -> Applied {
        let applied = step(&format!("split: {config}")).apply(vec![message]).now_or_never();
        applied.unwrap().remove(0)
    }

    fn message(data: &str) -> Message {
        Message { payload: Some(Bytes::copy_from_slice(data.as_bytes())), ..Message::default() }
    }

    #[test]
    fn each_element_is_the_data_of_a_message_of_its_own() {
        let mut event = message(r#"{"n":1,"items":[ {"a":1.50} , "x",[]]}"#);
        event.key = Some(Bytes::from_static(b"k"));
        event.attributes.set("id".into(), Value::from("7"));
        event.attributes.set("datacontenttype".into(), Value::from("application/vnd.x+json"));
        let Applied::Many(children) = applied("{ list: event.data.items }", event) else {
            panic!()
        };
        let shown: Vec<_> = children
            .iter()
            .map(|child| {
                let data = String::from_utf8(child.payload.clone().unwrap().to_vec()).unwrap();
                (child.attributes.text("id").unwrap(), data)
            })
            .collect();
        let expected = [("7#0", r#"{"a":1.50}"#), ("7#1", "\"x\""), ("7#2", "[]")];
        assert_eq!(shown, expected.map(|(id, data)| (id, data.to_owned())));
        assert!(children.iter().all(|child| child.key.as_deref() == Some(b"k")));
        let content_type = children[0].attributes.text("datacontenttype");
        assert_eq!(content_type, Some("application/vnd.x+json"));
    }

    #[test]
    fn the_whole_payload_may_be_the_list() {
        let Applied::Many(children) = applied("{}", message(" [1, 2]\n")) else { panic!() };
        let data: Vec<_> = children.iter().map(|child| child.payload.as_deref().unwrap()).collect();
        assert_eq!(data, [b"1", b"2"]);
        assert!(matches!(applied("{}", message("[]")), Applied::Many(none) if none.is_empty()));
    }

    #[test]
    fn what_is_no_list_or_too_long_a_one_is_a_permanent_fault() {
        for (config, data, reason) in [
            ("{}", "{}", "is no list"),
            ("{}", "[1", "not JSON"),
            ("{ list: event.data.a }", "{\"b\":[]}", "no event.data.a"),
            ("{ list: event.data.a }", "{\"a\":\"[1]\"}", "is no list"),
            ("{ most: 2 }", "[1,2,3]", "more than 2 elements"),
        ] {
            let Applied::Failed(error) = applied(config, message(data)) else { panic!("{data}") };
            assert!(error.to_string().contains(reason), "{config} {data}: {error}");
        }
    }
}
