COMMENT ON SCHEMA public IS '';
CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.alert_deliveries (
    seq bigint NOT NULL,
    notice_id uuid NOT NULL,
    alert_id uuid NOT NULL,
    target character varying(63) NOT NULL,
    kind character varying(16) NOT NULL,
    state character varying(16) NOT NULL,
    attempts integer NOT NULL,
    created_ns bigint NOT NULL,
    next_ns bigint NOT NULL,
    changed_ns bigint NOT NULL,
    error text,
    body text NOT NULL
);
CREATE SEQUENCE public.alert_deliveries_seq_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.alert_deliveries_seq_seq OWNED BY public.alert_deliveries.seq;
CREATE TABLE public.alerts (
    seq bigint NOT NULL,
    id uuid NOT NULL,
    stream_id character varying(63) NOT NULL,
    rule character varying(63) NOT NULL,
    severity character varying(16) NOT NULL,
    captured_at_ns bigint NOT NULL,
    ended_at_ns bigint,
    acknowledged_at_ns bigint,
    acknowledged_by character varying(200),
    note text,
    clip character varying(16) NOT NULL,
    clip_why text,
    body text NOT NULL
);
CREATE SEQUENCE public.alerts_seq_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.alerts_seq_seq OWNED BY public.alerts.seq;
CREATE TABLE public.drift_history (
    seq bigint NOT NULL,
    stream_id character varying(63) NOT NULL,
    model character varying(200) NOT NULL,
    captured_at_ns bigint NOT NULL,
    drifted boolean NOT NULL,
    cause character varying(16),
    score double precision NOT NULL,
    body text NOT NULL
);
CREATE SEQUENCE public.drift_history_seq_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.drift_history_seq_seq OWNED BY public.drift_history.seq;
CREATE TABLE public.event_counts (
    hour bigint NOT NULL,
    kind character varying(32) NOT NULL,
    stream_id character varying(63) NOT NULL,
    label character varying(200) NOT NULL,
    zone character varying(63) NOT NULL,
    count bigint NOT NULL
);
CREATE TABLE public.event_hours (
    hour bigint NOT NULL,
    kind character varying(32) NOT NULL,
    stream_id character varying(63) NOT NULL,
    count bigint NOT NULL
);
CREATE TABLE public.events (
    seq bigint NOT NULL,
    id uuid NOT NULL,
    kind character varying(32) NOT NULL,
    stream_id character varying(63) NOT NULL,
    session character varying(64) NOT NULL,
    captured_at_ns bigint NOT NULL,
    track_id bigint,
    label character varying(200),
    confidence double precision,
    zone character varying(63),
    line character varying(63),
    direction character varying(8),
    person character varying(200),
    rule character varying(63),
    severity character varying(16),
    body text NOT NULL
);
CREATE SEQUENCE public.events_seq_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.events_seq_seq OWNED BY public.events.seq;
CREATE TABLE public.handler_states (
    handler character varying(63) NOT NULL,
    stream_id character varying(63) NOT NULL,
    state text NOT NULL,
    updated_ns bigint NOT NULL
);
CREATE TABLE public.media (
    id bigint NOT NULL,
    kind character varying(16) NOT NULL,
    stream_id character varying(63) NOT NULL,
    session character varying(64) NOT NULL,
    track_id bigint,
    event_id uuid,
    pts_us bigint NOT NULL,
    captured_at_ns bigint NOT NULL,
    media_type character varying(63) NOT NULL,
    path character varying(500) NOT NULL,
    bytes bigint NOT NULL,
    quality double precision
);
CREATE SEQUENCE public.media_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.media_id_seq OWNED BY public.media.id;
CREATE TABLE public.offsets (
    topic character varying(200) NOT NULL,
    partition integer NOT NULL,
    next_offset bigint NOT NULL
);
CREATE TABLE public.outbox (
    seq bigint NOT NULL,
    topic character varying(200) NOT NULL,
    key character varying(200) NOT NULL,
    schema character varying(63) NOT NULL,
    body text NOT NULL
);
CREATE SEQUENCE public.outbox_seq_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.outbox_seq_seq OWNED BY public.outbox.seq;
CREATE TABLE public.rules (
    name character varying(63) NOT NULL,
    body text NOT NULL,
    updated_ns bigint NOT NULL
);
CREATE TABLE public.scenes (
    name character varying(63) NOT NULL,
    body text NOT NULL,
    updated_ns bigint NOT NULL
);
ALTER TABLE ONLY public.alert_deliveries ALTER COLUMN seq SET DEFAULT nextval('public.alert_deliveries_seq_seq'::regclass);
ALTER TABLE ONLY public.alerts ALTER COLUMN seq SET DEFAULT nextval('public.alerts_seq_seq'::regclass);
ALTER TABLE ONLY public.drift_history ALTER COLUMN seq SET DEFAULT nextval('public.drift_history_seq_seq'::regclass);
ALTER TABLE ONLY public.events ALTER COLUMN seq SET DEFAULT nextval('public.events_seq_seq'::regclass);
ALTER TABLE ONLY public.media ALTER COLUMN id SET DEFAULT nextval('public.media_id_seq'::regclass);
ALTER TABLE ONLY public.outbox ALTER COLUMN seq SET DEFAULT nextval('public.outbox_seq_seq'::regclass);
INSERT INTO public.alembic_version VALUES ('0001');
INSERT INTO public.alerts VALUES (1, '1ff16876-fb72-5851-8446-40aec637c4c2', 'door', 'mask', 'warning', 1790000003000000000, NULL, NULL, NULL, NULL, 'wanted', NULL, '{"schema":"livesight.event/1","id":"1ff16876-fb72-5851-8446-40aec637c4c2","kind":"alert","stream_id":"door","session":"01JD0000000000000000000000","pts_us":3000000,"captured_at_ns":1790000003000000000,"track_id":1,"detector":null,"label":null,"before":null,"confidence":null,"xyxy":null,"size_wh":null,"person":null,"zone":null,"line":null,"direction":null,"count":null,"duration_s":null,"reason":null,"path":[],"rule":"mask","severity":"warning","text":"No mask at the door","cause":null,"models":{},"node":null}');
INSERT INTO public.event_counts VALUES (497222, 'alert', 'door', '', '', 1);
INSERT INTO public.event_counts VALUES (497222, 'track_began', 'door', 'with_mask', '', 1);
INSERT INTO public.event_counts VALUES (497222, 'track_ended', 'door', 'with_mask', '', 1);
INSERT INTO public.event_hours VALUES (497222, 'alert', 'door', 1);
INSERT INTO public.event_hours VALUES (497222, 'track_began', 'door', 1);
INSERT INTO public.event_hours VALUES (497222, 'track_ended', 'door', 1);
INSERT INTO public.events VALUES (1, 'ccc42819-f2ce-5e79-8f0c-f916f9edb189', 'track_began', 'door', '01JD0000000000000000000000', 1790000001000000000, 1, 'with_mask', NULL, NULL, NULL, NULL, NULL, NULL, NULL, '{"schema":"livesight.event/1","id":"ccc42819-f2ce-5e79-8f0c-f916f9edb189","kind":"track_began","stream_id":"door","session":"01JD0000000000000000000000","pts_us":1000000,"captured_at_ns":1790000001000000000,"track_id":1,"detector":null,"label":"with_mask","before":null,"confidence":null,"xyxy":null,"size_wh":null,"person":null,"zone":null,"line":null,"direction":null,"count":null,"duration_s":null,"reason":null,"path":[],"rule":null,"severity":null,"text":null,"cause":null,"models":{},"node":null}');
INSERT INTO public.events VALUES (2, '5e096302-a76a-5bb0-b318-9cf85fa15207', 'track_ended', 'door', '01JD0000000000000000000000', 1790000002000000000, 1, 'with_mask', NULL, NULL, NULL, NULL, NULL, NULL, NULL, '{"schema":"livesight.event/1","id":"5e096302-a76a-5bb0-b318-9cf85fa15207","kind":"track_ended","stream_id":"door","session":"01JD0000000000000000000000","pts_us":2000000,"captured_at_ns":1790000002000000000,"track_id":1,"detector":null,"label":"with_mask","before":null,"confidence":null,"xyxy":null,"size_wh":null,"person":null,"zone":null,"line":null,"direction":null,"count":null,"duration_s":null,"reason":null,"path":[],"rule":null,"severity":null,"text":null,"cause":null,"models":{},"node":null}');
INSERT INTO public.events VALUES (3, '1ff16876-fb72-5851-8446-40aec637c4c2', 'alert', 'door', '01JD0000000000000000000000', 1790000003000000000, 1, NULL, NULL, NULL, NULL, NULL, NULL, 'mask', 'warning', '{"schema":"livesight.event/1","id":"1ff16876-fb72-5851-8446-40aec637c4c2","kind":"alert","stream_id":"door","session":"01JD0000000000000000000000","pts_us":3000000,"captured_at_ns":1790000003000000000,"track_id":1,"detector":null,"label":null,"before":null,"confidence":null,"xyxy":null,"size_wh":null,"person":null,"zone":null,"line":null,"direction":null,"count":null,"duration_s":null,"reason":null,"path":[],"rule":"mask","severity":"warning","text":"No mask at the door","cause":null,"models":{},"node":null}');
INSERT INTO public.handler_states VALUES ('rules', 'door', '{}', 1790000000000000000);
INSERT INTO public.media VALUES (1, 'crop', 'door', '01JD0000000000000000000000', 1, NULL, 1, 1790000000000000000, 'image/jpeg', '2026-09-21/door-01JD0000000000000000000000-1-1-crop.jpg', 3, NULL);
INSERT INTO public.offsets VALUES ('livesight.detections', 0, 42);
INSERT INTO public.outbox VALUES (1, 'livesight.events', 'door', 'livesight.event/1', '{"schema":"livesight.event/1","id":"ccc42819-f2ce-5e79-8f0c-f916f9edb189","kind":"track_began","stream_id":"door","session":"01JD0000000000000000000000","pts_us":1000000,"captured_at_ns":1790000001000000000,"track_id":1,"detector":null,"label":"with_mask","before":null,"confidence":null,"xyxy":null,"size_wh":null,"person":null,"zone":null,"line":null,"direction":null,"count":null,"duration_s":null,"reason":null,"path":[],"rule":null,"severity":null,"text":null,"cause":null,"models":{},"node":null}');
INSERT INTO public.scenes VALUES ('door', '{"stream_id":"door","zones":[{"name":"till","polygon":[[0.0,0.0],[1.0,0.0],[1.0,1.0]],"labels":[],"anchor":"foot","stay_s":null}],"lines":[]}', 1796019367763808757);
SELECT pg_catalog.setval('public.alert_deliveries_seq_seq', 1, false);
SELECT pg_catalog.setval('public.alerts_seq_seq', 1, true);
SELECT pg_catalog.setval('public.drift_history_seq_seq', 1, false);
SELECT pg_catalog.setval('public.events_seq_seq', 3, true);
SELECT pg_catalog.setval('public.media_id_seq', 1, true);
SELECT pg_catalog.setval('public.outbox_seq_seq', 1, true);
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.alert_deliveries
    ADD CONSTRAINT pk_alert_deliveries PRIMARY KEY (seq);
ALTER TABLE ONLY public.alerts
    ADD CONSTRAINT pk_alerts PRIMARY KEY (seq);
ALTER TABLE ONLY public.drift_history
    ADD CONSTRAINT pk_drift_history PRIMARY KEY (seq);
ALTER TABLE ONLY public.event_counts
    ADD CONSTRAINT pk_event_counts PRIMARY KEY (hour, kind, stream_id, label, zone);
ALTER TABLE ONLY public.event_hours
    ADD CONSTRAINT pk_event_hours PRIMARY KEY (hour, kind, stream_id);
ALTER TABLE ONLY public.events
    ADD CONSTRAINT pk_events PRIMARY KEY (seq);
ALTER TABLE ONLY public.handler_states
    ADD CONSTRAINT pk_handler_states PRIMARY KEY (handler, stream_id);
ALTER TABLE ONLY public.media
    ADD CONSTRAINT pk_media PRIMARY KEY (id);
ALTER TABLE ONLY public.offsets
    ADD CONSTRAINT pk_offsets PRIMARY KEY (topic, partition);
ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT pk_outbox PRIMARY KEY (seq);
ALTER TABLE ONLY public.rules
    ADD CONSTRAINT pk_rules PRIMARY KEY (name);
ALTER TABLE ONLY public.scenes
    ADD CONSTRAINT pk_scenes PRIMARY KEY (name);
ALTER TABLE ONLY public.alert_deliveries
    ADD CONSTRAINT uq_alert_deliveries_notice_id_target UNIQUE (notice_id, target);
ALTER TABLE ONLY public.alerts
    ADD CONSTRAINT uq_alerts_id UNIQUE (id);
ALTER TABLE ONLY public.events
    ADD CONSTRAINT uq_events_id UNIQUE (id);
ALTER TABLE ONLY public.media
    ADD CONSTRAINT uq_media_event_id_kind UNIQUE (event_id, kind);
ALTER TABLE ONLY public.media
    ADD CONSTRAINT uq_media_stream_id_session_track_id_kind UNIQUE (stream_id, session, track_id, kind);
CREATE INDEX ix_alert_deliveries_alert_id ON public.alert_deliveries USING btree (alert_id);
CREATE INDEX ix_alert_deliveries_created_ns ON public.alert_deliveries USING btree (created_ns);
CREATE INDEX ix_alert_deliveries_target_state_seq ON public.alert_deliveries USING btree (target, state, seq);
CREATE INDEX ix_alerts_captured_at_ns ON public.alerts USING btree (captured_at_ns);
CREATE INDEX ix_alerts_clip ON public.alerts USING btree (clip);
CREATE INDEX ix_alerts_ended_at_ns_captured_at_ns ON public.alerts USING btree (ended_at_ns, captured_at_ns);
CREATE INDEX ix_alerts_stream_id_captured_at_ns ON public.alerts USING btree (stream_id, captured_at_ns);
CREATE INDEX ix_drift_history_captured_at_ns ON public.drift_history USING btree (captured_at_ns);
CREATE INDEX ix_drift_history_stream_id_model_captured_at_ns ON public.drift_history USING btree (stream_id, model, captured_at_ns);
CREATE INDEX ix_events_kind ON public.events USING btree (kind, captured_at_ns, stream_id, label, zone, confidence);
CREATE INDEX ix_events_label ON public.events USING btree (label, captured_at_ns, stream_id, kind, zone, confidence);
CREATE INDEX ix_events_session ON public.events USING btree (session, track_id);
CREATE INDEX ix_events_stream ON public.events USING btree (stream_id, captured_at_ns, kind, label, zone, confidence);
CREATE INDEX ix_events_time ON public.events USING btree (captured_at_ns);
CREATE INDEX ix_events_zone ON public.events USING btree (zone, captured_at_ns, stream_id, kind, label, confidence);
CREATE INDEX ix_media_captured_at_ns ON public.media USING btree (captured_at_ns);
