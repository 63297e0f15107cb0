//! What survives a route between every two systems is what the documentation says.

#[tokio::test(flavor = "multi_thread")]
async fn what_survives_is_what_the_documentation_says() -> anyhow::Result<()> {
    hybridge_integration_tests::conformance::fidelity().await
}
