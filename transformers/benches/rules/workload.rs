//! Rules and the events that they match, made from numbers: 80 % exact on eight fields, 10 % prefix, 5 % numeric and 5 %
//! wildcard, or all of them exact.

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Set {
    Exact,
    Mixed,
}

/// A number that looks random.
pub fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (number ^ (number >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 20
}

/// The eight fields that exact rules name, of the event that is made for rule `of`.
struct Fields {
    kind: String,
    source: String,
    subject: String,
    region: String,
    account: String,
    status: String,
    customer: String,
    priority: u64,
}

fn fields(of: u64) -> Fields {
    let mixed = mix(of);
    Fields {
        kind: format!("com.example.order.kind{}", mixed % 50),
        source: format!("/shops/{}/orders", mixed / 50 % 200),
        subject: format!("orders/{}", mixed / 7 % 5000),
        region: format!("eu-region-{}", mixed / 11 % 20),
        account: format!("{:012}", mixed / 13 % 1000),
        status: ["created", "paid", "packed", "shipped", "returned"][(mixed / 17 % 5) as usize]
            .to_owned(),
        customer: format!("customer-{of:08}"),
        priority: mixed / 19 % 10,
    }
}

pub fn pattern(set: Set, of: u64) -> String {
    let Fields { kind, source, subject, region, account, status, customer, priority } = fields(of);
    match (set, of % 20) {
        (Set::Exact, _) | (Set::Mixed, 0..16) => format!(
            r#"{{"type":["{kind}"],"source":["{source}"],"subject":["{subject}"],"data":{{"region":["{region}"],
            "account":["{account}"],"status":["{status}"],"customer":["{customer}"],"priority":[{priority}]}}}}"#
        ),
        (Set::Mixed, 16 | 17) => format!(r#"{{"data":{{"key":[{{"prefix":"tenants/{of}/"}}]}}}}"#),
        (Set::Mixed, 18) => format!(
            r#"{{"type":["{kind}"],"data":{{"amount":[{{"numeric":[">=",{of},"<",{}.5]}}]}}}}"#,
            of
        ),
        (Set::Mixed, _) if of % 40 == 19 => {
            format!(
                r#"{{"type":["{kind}"],"data":{{"path":[{{"wildcard":"/var/*/unit-{of}/*.log"}}]}}}}"#
            )
        }
        (Set::Mixed, _) => format!(r#"{{"data":{{"path":[{{"wildcard":"*/job-{of}-*"}}]}}}}"#),
    }
}

/// An event of about 1 KB that the rule `of` matches, unless it is turned off: its attributes, and its data, which are JSON.
pub fn event(of: u64, on: bool) -> (Vec<(&'static str, String)>, String) {
    let Fields { kind, source, subject, region, account, status, mut customer, priority } =
        fields(of);
    let mut amount = of as f64 + 0.25;
    let mut key = format!("tenants/{of}/objects/2026/11/invoice-{:06}.json", mix(of) % 1_000_000);
    let unit = if of % 40 == 19 { "unit" } else { "job" };
    let slash = if of % 40 == 19 { "/" } else { "-" };
    let mut path = format!("/var/log/services/{unit}-{of}{slash}part-{:04}.log", mix(of) % 10_000);
    if !on {
        customer.push('x');
        amount = -1.0;
        key.insert(0, 'x');
        path = path.replace("job-", "jab-").replace("unit-", "unit+");
    }
    let filler = "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore";
    let payload = format!(
        r#"{{"id":{of},"customer":"{customer}","account":"{account}","region":"{region}","status":"{status}","priority":{priority},
"amount":{amount},"currency":"EUR","key":"{key}","path":"{path}","note":"{filler}","lines":[{{"sku":"A-1000","count":2,"price":12.5}},
{{"sku":"B-2000","count":1,"price":99.95}},{{"sku":"C-3000","count":7,"price":0.25}}],"address":{{"street":"Main Street 1","city":"Springfield",
"zip":"12345","country":"DE"}},"flags":{{"gift":false,"express":true,"insured":null}},"tags":["alpha","beta","gamma"],"updated":"2026-11-22T08:00:00Z"}}"#
    );
    let attributes = vec![
        ("specversion", "1.0".to_owned()),
        ("id", format!("{of:032x}")),
        ("source", source),
        ("type", kind),
        ("subject", subject),
        ("time", "2026-11-22T08:00:00Z".to_owned()),
        ("datacontenttype", "application/json".to_owned()),
    ];
    (attributes, payload)
}
