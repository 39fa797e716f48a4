DROP TABLE response_events;
DROP TABLE responses;
DROP TABLE items;
DROP TABLE conversations;
