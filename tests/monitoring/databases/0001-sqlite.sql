BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE alert_deliveries (
	seq INTEGER NOT NULL, 
	notice_id BLOB NOT NULL, 
	alert_id BLOB NOT NULL, 
	target VARCHAR(63) NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	attempts INTEGER NOT NULL, 
	created_ns BIGINT NOT NULL, 
	next_ns BIGINT NOT NULL, 
	changed_ns BIGINT NOT NULL, 
	error TEXT, 
	body TEXT NOT NULL, 
	CONSTRAINT pk_alert_deliveries PRIMARY KEY (seq), 
	CONSTRAINT uq_alert_deliveries_notice_id_target UNIQUE (notice_id, target)
);
CREATE TABLE alerts (
	seq INTEGER NOT NULL, 
	id BLOB NOT NULL, 
	stream_id VARCHAR(63) NOT NULL, 
	rule VARCHAR(63) NOT NULL, 
	severity VARCHAR(16) NOT NULL, 
	captured_at_ns BIGINT NOT NULL, 
	ended_at_ns BIGINT, 
	acknowledged_at_ns BIGINT, 
	acknowledged_by VARCHAR(200), 
	note TEXT, 
	clip VARCHAR(16) NOT NULL, 
	clip_why TEXT, 
	body TEXT NOT NULL, 
	CONSTRAINT pk_alerts PRIMARY KEY (seq), 
	CONSTRAINT uq_alerts_id UNIQUE (id)
);
INSERT INTO "alerts" VALUES(1,X'1FF16876FB725851844640AEC637C4C2','door','mask','warning',1790000003000000000,NULL,NULL,NULL,NULL,'wanted',NULL,'{"schema":"livesight.event/1","id":"1ff16876-fb72-5851-8446-40aec637c4c2","kind":"alert","stream_id":"door","session":"01JD0000000000000000000000","pts_us":3000000,"captured_at_ns":1790000003000000000,"track_id":1,"detector":null,"label":null,"before":null,"confidence":null,"xyxy":null,"size_wh":null,"person":null,"zone":null,"line":null,"direction":null,"count":null,"duration_s":null,"reason":null,"path":[],"rule":"mask","severity":"warning","text":"No mask at the door","cause":null,"models":{},"node":null}');
CREATE TABLE drift_history (
	seq INTEGER NOT NULL, 
	stream_id VARCHAR(63) NOT NULL, 
	model VARCHAR(200) NOT NULL, 
	captured_at_ns BIGINT NOT NULL, 
	drifted BOOLEAN NOT NULL, 
	cause VARCHAR(16), 
	score FLOAT NOT NULL, 
	body TEXT NOT NULL, 
	CONSTRAINT pk_drift_history PRIMARY KEY (seq)
);
CREATE TABLE event_counts (
	hour BIGINT NOT NULL, 
	kind VARCHAR(32) NOT NULL, 
	stream_id VARCHAR(63) NOT NULL, 
	label VARCHAR(200) NOT NULL, 
	zone VARCHAR(63) NOT NULL, 
	count BIGINT NOT NULL, 
	CONSTRAINT pk_event_counts PRIMARY KEY (hour, kind, stream_id, label, zone)
)
 WITHOUT ROWID

;
INSERT INTO "event_counts" VALUES(497222,'alert','door','','',1);
INSERT INTO "event_counts" VALUES(497222,'track_began','door','with_mask','',1);
INSERT INTO "event_counts" VALUES(497222,'track_ended','door','with_mask','',1);
CREATE TABLE event_hours (
	hour BIGINT NOT NULL, 
	kind VARCHAR(32) NOT NULL, 
	stream_id VARCHAR(63) NOT NULL, 
	count BIGINT NOT NULL, 
	CONSTRAINT pk_event_hours PRIMARY KEY (hour, kind, stream_id)
)
 WITHOUT ROWID

;
INSERT INTO "event_hours" VALUES(497222,'alert','door',1);
INSERT INTO "event_hours" VALUES(497222,'track_began','door',1);
INSERT INTO "event_hours" VALUES(497222,'track_ended','door',1);
CREATE TABLE events (
	seq INTEGER NOT NULL, 
	id BLOB NOT NULL, 
	kind VARCHAR(32) NOT NULL, 
	stream_id VARCHAR(63) NOT NULL, 
	session VARCHAR(64) NOT NULL, 
	captured_at_ns BIGINT NOT NULL, 
	track_id BIGINT, 
	label VARCHAR(200), 
	confidence FLOAT, 
	zone VARCHAR(63), 
	line VARCHAR(63), 
	direction VARCHAR(8), 
	person VARCHAR(200), 
	rule VARCHAR(63), 
	severity VARCHAR(16), 
	body TEXT NOT NULL, 
	CONSTRAINT pk_events PRIMARY KEY (seq), 
	CONSTRAINT uq_events_id UNIQUE (id)
);
INSERT INTO "events" VALUES(1,X'CCC42819F2CE5E798F0CF916F9EDB189','track_began','door','01JD0000000000000000000000',1790000001000000000,1,'with_mask',NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"schema":"livesight.event/1","id":"ccc42819-f2ce-5e79-8f0c-f916f9edb189","kind":"track_began","stream_id":"door","session":"01JD0000000000000000000000","pts_us":1000000,"captured_at_ns":1790000001000000000,"track_id":1,"detector":null,"label":"with_mask","before":null,"confidence":null,"xyxy":null,"size_wh":null,"person":null,"zone":null,"line":null,"direction":null,"count":null,"duration_s":null,"reason":null,"path":[],"rule":null,"severity":null,"text":null,"cause":null,"models":{},"node":null}');
INSERT INTO "events" VALUES(2,X'5E096302A76A5BB0B3189CF85FA15207','track_ended','door','01JD0000000000000000000000',1790000002000000000,1,'with_mask',NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"schema":"livesight.event/1","id":"5e096302-a76a-5bb0-b318-9cf85fa15207","kind":"track_ended","stream_id":"door","session":"01JD0000000000000000000000","pts_us":2000000,"captured_at_ns":1790000002000000000,"track_id":1,"detector":null,"label":"with_mask","before":null,"confidence":null,"xyxy":null,"size_wh":null,"person":null,"zone":null,"line":null,"direction":null,"count":null,"duration_s":null,"reason":null,"path":[],"rule":null,"severity":null,"text":null,"cause":null,"models":{},"node":null}');
INSERT INTO "events" VALUES(3,X'1FF16876FB725851844640AEC637C4C2','alert','door','01JD0000000000000000000000',1790000003000000000,1,NULL,NULL,NULL,NULL,NULL,NULL,'mask','warning','{"schema":"livesight.event/1","id":"1ff16876-fb72-5851-8446-40aec637c4c2","kind":"alert","stream_id":"door","session":"01JD0000000000000000000000","pts_us":3000000,"captured_at_ns":1790000003000000000,"track_id":1,"detector":null,"label":null,"before":null,"confidence":null,"xyxy":null,"size_wh":null,"person":null,"zone":null,"line":null,"direction":null,"count":null,"duration_s":null,"reason":null,"path":[],"rule":"mask","severity":"warning","text":"No mask at the door","cause":null,"models":{},"node":null}');
CREATE TABLE handler_states (
	handler VARCHAR(63) NOT NULL, 
	stream_id VARCHAR(63) NOT NULL, 
	state TEXT NOT NULL, 
	updated_ns BIGINT NOT NULL, 
	CONSTRAINT pk_handler_states PRIMARY KEY (handler, stream_id)
);
INSERT INTO "handler_states" VALUES('rules','door','{}',1790000000000000000);
CREATE TABLE media (
	id INTEGER NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	stream_id VARCHAR(63) NOT NULL, 
	session VARCHAR(64) NOT NULL, 
	track_id BIGINT, 
	event_id BLOB, 
	pts_us BIGINT NOT NULL, 
	captured_at_ns BIGINT NOT NULL, 
	media_type VARCHAR(63) NOT NULL, 
	path VARCHAR(500) NOT NULL, 
	bytes BIGINT NOT NULL, 
	quality FLOAT, 
	CONSTRAINT pk_media PRIMARY KEY (id), 
	CONSTRAINT uq_media_event_id_kind UNIQUE (event_id, kind), 
	CONSTRAINT uq_media_stream_id_session_track_id_kind UNIQUE (stream_id, session, track_id, kind)
);
INSERT INTO "media" VALUES(1,'crop','door','01JD0000000000000000000000',1,NULL,1,1790000000000000000,'image/jpeg','2026-09-21/door-01JD0000000000000000000000-1-1-crop.jpg',3,NULL);
CREATE TABLE offsets (
	topic VARCHAR(200) NOT NULL, 
	partition INTEGER NOT NULL, 
	next_offset BIGINT NOT NULL, 
	CONSTRAINT pk_offsets PRIMARY KEY (topic, partition)
);
INSERT INTO "offsets" VALUES('livesight.detections',0,42);
CREATE TABLE outbox (
	seq INTEGER NOT NULL, 
	topic VARCHAR(200) NOT NULL, 
	"key" VARCHAR(200) NOT NULL, 
	schema VARCHAR(63) NOT NULL, 
	body TEXT NOT NULL, 
	CONSTRAINT pk_outbox PRIMARY KEY (seq)
);
INSERT INTO "outbox" VALUES(1,'livesight.events','door','livesight.event/1','{"schema":"livesight.event/1","id":"ccc42819-f2ce-5e79-8f0c-f916f9edb189","kind":"track_began","stream_id":"door","session":"01JD0000000000000000000000","pts_us":1000000,"captured_at_ns":1790000001000000000,"track_id":1,"detector":null,"label":"with_mask","before":null,"confidence":null,"xyxy":null,"size_wh":null,"person":null,"zone":null,"line":null,"direction":null,"count":null,"duration_s":null,"reason":null,"path":[],"rule":null,"severity":null,"text":null,"cause":null,"models":{},"node":null}');
CREATE TABLE rules (
	name VARCHAR(63) NOT NULL, 
	body TEXT NOT NULL, 
	updated_ns BIGINT NOT NULL, 
	CONSTRAINT pk_rules PRIMARY KEY (name)
);
CREATE TABLE scenes (
	name VARCHAR(63) NOT NULL, 
	body TEXT NOT NULL, 
	updated_ns BIGINT NOT NULL, 
	CONSTRAINT pk_scenes PRIMARY KEY (name)
);
INSERT INTO "scenes" VALUES('door','{"stream_id":"door","zones":[{"name":"till","polygon":[[0.0,0.0],[1.0,0.0],[1.0,1.0]],"labels":[],"anchor":"foot","stay_s":null}],"lines":[]}',1796019362672257180);
CREATE INDEX ix_events_time ON events (captured_at_ns);
CREATE INDEX ix_events_session ON events (session, track_id);
CREATE INDEX ix_events_stream ON events (stream_id, captured_at_ns, kind, label, zone, confidence);
CREATE INDEX ix_events_kind ON events (kind, captured_at_ns, stream_id, label, zone, confidence);
CREATE INDEX ix_events_label ON events (label, captured_at_ns, stream_id, kind, zone, confidence);
CREATE INDEX ix_events_zone ON events (zone, captured_at_ns, stream_id, kind, label, confidence);
CREATE INDEX ix_media_captured_at_ns ON media (captured_at_ns);
CREATE INDEX ix_alerts_captured_at_ns ON alerts (captured_at_ns);
CREATE INDEX ix_alerts_stream_id_captured_at_ns ON alerts (stream_id, captured_at_ns);
CREATE INDEX ix_alerts_ended_at_ns_captured_at_ns ON alerts (ended_at_ns, captured_at_ns);
CREATE INDEX ix_alerts_clip ON alerts (clip);
CREATE INDEX ix_alert_deliveries_target_state_seq ON alert_deliveries (target, state, seq);
CREATE INDEX ix_alert_deliveries_alert_id ON alert_deliveries (alert_id);
CREATE INDEX ix_alert_deliveries_created_ns ON alert_deliveries (created_ns);
CREATE INDEX ix_drift_history_captured_at_ns ON drift_history (captured_at_ns);
CREATE INDEX ix_drift_history_stream_id_model_captured_at_ns ON drift_history (stream_id, model, captured_at_ns);
COMMIT;
