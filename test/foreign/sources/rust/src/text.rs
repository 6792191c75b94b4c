//! Two libraries of other people behind functions of the world itself, outside any interface.

use pulldown_cmark::{html, Options, Parser};

wit_bindgen::generate!({
    inline: r#"
        package foreign:text@1.0.0;

        world text {
            record counts { bytes: u32, words: u32, longest: option<string> }
            enum order { less, equal, greater }

            export markdown: func(text: string) -> string;
            export count: func(text: string) -> counts;
            export compare: func(a: string, b: string) -> result<order, string>;
        }
    "#,
});

struct Text;

impl Guest for Text {
    fn markdown(text: String) -> String {
        let mut out = String::new();
        html::push_html(&mut out, Parser::new_ext(&text, Options::all()));
        out
    }

    fn count(text: String) -> Counts {
        let longest = text.split_whitespace().max_by_key(|word| word.chars().count());
        Counts {
            bytes: text.len() as u32,
            words: text.split_whitespace().count() as u32,
            longest: longest.map(String::from),
        }
    }

    fn compare(a: String, b: String) -> Result<Order, String> {
        let parse = |text: &str| semver::Version::parse(text).map_err(|error| error.to_string());
        Ok(match parse(&a)?.cmp(&parse(&b)?) {
            std::cmp::Ordering::Less => Order::Less,
            std::cmp::Ordering::Equal => Order::Equal,
            std::cmp::Ordering::Greater => Order::Greater,
        })
    }
}

export!(Text);
