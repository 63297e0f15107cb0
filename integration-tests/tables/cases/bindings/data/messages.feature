Feature: messages

    Scenario Outline: a record (<name>)
    Given a Kafka message with payload:
        """
        {"n": 1}
        """
    And Kafka headers:
        | key | value |
        | ce_specversion | 1.0 |
        | ce_id | <name> |
        | ce_source | /shop |
        | ce_type | order.placed |
        | content-type | application/json |
    When parsed as Kafka message
    Then the attributes are:
        | key | value |
        | specversion | 1.0 |
        | id | <name> |
        | source | /shop |
        | type | order.placed |
        | datacontenttype | application/json |
    And the data is equal to the following JSON:
        """
        {"n": 1}
        """
    Examples:
    | name |
    | a |
    | b |

    Scenario: a request
    Given an HTTP request
        """
        POST / HTTP/1.1
        ce-specversion: 1.0
        ce-id: x
        ce-source: /shop
        ce-type: order.placed

        """
    When parsed as HTTP request
    Then the attributes are:
        | key | value |
        | specversion | 1.0 |
        | id | x |
        | source | /shop |
        | type | order.placed |
